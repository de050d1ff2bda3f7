{{/*
The store's configuration, with templates in it resolved. People who kept lines for a time with Loki's table
manager, as its old chart had it, have them kept for that time here.
*/}}
{{- define "skald.storeConfig" -}}
{{- $config := deepCopy (omit .Values.loki.config "existingSecret") -}}
{{- $tables := $config.table_manager | default dict -}}
{{- $period := $tables.retention_period | default "0s" | toString -}}
{{- $isUnset := and (not $config.compactor.retention_enabled) (has ($config.limits_config.retention_period | toString) (list "0s" "0")) -}}
{{- if and $tables.retention_deletes_enabled (not (has $period (list "0s" "0"))) $isUnset -}}
{{- $_ := set $config.limits_config "retention_period" $period -}}
{{- $_ := set $config.compactor "retention_enabled" true -}}
{{- end -}}
{{- tpl (toYaml $config) .Values.lokiScope -}}
{{- end -}}
