{{/*
Parts of the notes that look at the store's configuration and at the cluster.
*/}}

{{/* How long lines are kept. */}}
{{- define "skald.retentionNote" -}}
{{- if not .Values.loki.config.existingSecret }}
{{- $config := include "skald.storeConfig" . | fromYaml }}
{{- if and $config.compactor.retention_enabled (not (has ($config.limits_config.retention_period | toString) (list "0s" "0"))) }}

Lines are deleted when they are {{ $config.limits_config.retention_period }} old (loki.config.limits_config.retention_period).
loki.config.compactor.retention_enabled=false keeps them until the volume of {{ .Values.loki.persistence.size }} is full.
{{- else }}

NOTE: no line is ever deleted. When the volume of {{ .Values.loki.persistence.size }} is full, the store refuses what is pushed.
{{- end }}
{{- end }}
{{- end -}}

{{/*
Whether the cluster can make the store's volume. Without a cluster to ask, as in `helm template`, nothing is said:
each cluster has a namespace.
*/}}
{{- define "skald.volumeNote" -}}
{{- $persistence := .Values.loki.persistence }}
{{- if not $persistence.enabled }}

NOTE: loki.persistence.enabled is false: the lines are gone when the pod is.
{{- else if and (not $persistence.existingClaim) (lookup "v1" "Namespace" "" "kube-system") }}
{{- $classes := (lookup "storage.k8s.io/v1" "StorageClass" "" "").items | default list }}
{{- include "skald.storageClassNote" (dict "persistence" $persistence "classes" $classes) }}
{{- end }}
{{- end -}}

{{/* Says that the class of the volume is missing; "classes" are those of the cluster. */}}
{{- define "skald.storageClassNote" -}}
{{- $wanted := .persistence.storageClassName }}
{{- $names := list }}
{{- $default := "" }}
{{- range .classes }}
{{- $names = append $names .metadata.name }}
{{- if eq (get (.metadata.annotations | default dict) "storageclass.kubernetes.io/is-default-class") "true" }}{{ $default = .metadata.name }}{{ end }}
{{- end }}
{{- $known := $names | empty | ternary "the cluster has none" (printf "the cluster has %s" (join ", " $names)) }}
{{- $way := "Without a class nobody makes the volume, and the pod stays Pending: set loki.persistence.storageClassName, or loki.persistence.existingClaim, or for a trial loki.persistence.enabled=false." }}
{{- if and (kindIs "invalid" $wanted) (not $default) }}

WARNING: no StorageClass is the default, {{ $known }}.
{{ $way }}
{{- else if and $wanted (not (has $wanted $names)) }}

WARNING: there is no StorageClass {{ $wanted }}, {{ $known }}.
{{ $way }}
{{- end }}
{{- end -}}
