{{/* The store's configuration, with templates in it resolved. */}}
{{- define "skald.storeConfig" -}}
{{- tpl (toYaml (omit .Values.loki.config "existingSecret")) .Values.lokiScope -}}
{{- end -}}
