{{/*
The store's configuration, with its templates resolved. If the values set a retention in Loki's table manager, as the
old chart did, that retention holds here too, unless the new keys set another one.
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
{{- if include "skald.alertingRules" . -}}
{{- $ruler := $config.ruler | default dict -}}
{{- $storage := get $ruler "storage" | default dict -}}
{{- if not (get (get $storage "local" | default dict) "directory") -}}
{{- $_ := set $ruler "storage" (dict "type" "local" "local" (dict "directory" "/rules")) -}}
{{- end -}}
{{- $_ := set $config "ruler" $ruler -}}
{{- end -}}
{{- tpl (toYaml $config) .Values.lokiScope -}}
{{- end -}}

{{/* The ConfigMap with rules that is mounted at /rules/fake. Empty if there is none. */}}
{{- define "skald.alertingRules" -}}
{{- if .Values.loki.useExistingAlertingGroup.enabled -}}
{{- .Values.loki.useExistingAlertingGroup.configmapName -}}
{{- else if .Values.loki.alerting_groups -}}
{{- include "skald.store" . }}-alerting-rules
{{- end -}}
{{- end -}}
