{{/*
The store's configuration, with templates in it resolved. People who told Loki's table manager, as its old chart had
it, how long to keep lines, or to keep them for ever, have it so here, unless they say otherwise in the new keys.
*/}}
{{- define "skald.storeConfig" -}}
{{- $config := deepCopy (omit .Values.loki.config "existingSecret") -}}
{{- $tables := $config.table_manager | default dict -}}
{{- $isUnset := and $config.compactor.retention_enabled (eq ($config.limits_config.retention_period | toString) "744h") -}}
{{- if and $isUnset (hasKey $tables "retention_deletes_enabled") -}}
{{- $period := $tables.retention_period | default "0s" | toString -}}
{{- if and $tables.retention_deletes_enabled (not (has $period (list "0s" "0"))) -}}
{{- $_ := set $config.limits_config "retention_period" $period -}}
{{- else -}}
{{- $_ := set $config.limits_config "retention_period" "0s" -}}
{{- $_ := set $config.compactor "retention_enabled" false -}}
{{- end -}}
{{- end -}}
{{- tpl (toYaml $config) .Values.lokiScope -}}
{{- end -}}
