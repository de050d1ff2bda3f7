{{/*
Parts of the notes that depend on the store's configuration and on the cluster.
*/}}

{{/* How long lines are kept. */}}
{{- define "skald.retentionNote" -}}
{{- if not .Values.loki.config.existingSecret }}
{{- $config := include "skald.storeConfig" . | fromYaml }}
{{- if and $config.compactor.retention_enabled (not (has ($config.limits_config.retention_period | toString) (list "0s" "0"))) }}

The store deletes lines when they are {{ $config.limits_config.retention_period }} old (loki.config.limits_config.retention_period).
{{- if include "skald.isReplicated" . }}
To keep every line, set loki.config.compactor.retention_enabled=false.
{{- else }}
To keep every line until the volume of {{ .Values.loki.persistence.size }} is full, set loki.config.compactor.retention_enabled=false.
{{- end }}
{{- else if include "skald.isReplicated" . }}

NOTE: the store never deletes lines, so the bucket grows without end.
{{- else }}

NOTE: the store never deletes lines. When the volume of {{ .Values.loki.persistence.size }} is full, it refuses pushes.
{{- end }}
{{- end }}
{{- end -}}

{{/*
Warns if the cluster cannot create the store's volume. Prints nothing without a cluster, as in `helm template`. Every
cluster has the namespace kube-system, which is how it knows.
*/}}
{{- define "skald.volumeNote" -}}
{{- $persistence := .Values.loki.persistence }}
{{- if include "skald.isReplicated" . }}
{{- else if not $persistence.enabled }}

NOTE: loki.persistence.enabled is false, so the lines are lost with the pod.
{{- else if and (not $persistence.existingClaim) (lookup "v1" "Namespace" "" "kube-system") }}
{{- $classes := (lookup "storage.k8s.io/v1" "StorageClass" "" "").items | default list }}
{{- include "skald.storageClassNote" (dict "persistence" $persistence "classes" $classes) }}
{{- end }}
{{- end -}}

{{/* Warns if the StorageClass of the volume is missing; "classes" are the classes in the cluster. */}}
{{- define "skald.storageClassNote" -}}
{{- $wanted := .persistence.storageClassName }}
{{- $names := list }}
{{- $default := "" }}
{{- range .classes }}
{{- $names = append $names .metadata.name }}
{{- if eq (get (.metadata.annotations | default dict) "storageclass.kubernetes.io/is-default-class") "true" }}{{ $default = .metadata.name }}{{ end }}
{{- end }}
{{- $known := $names | empty | ternary "the cluster has none" (printf "the cluster has %s" (join ", " $names)) }}
{{- $way := "Without a StorageClass nothing creates the volume, and the pod stays Pending. Set loki.persistence.storageClassName, or loki.persistence.existingClaim, or, for a trial, loki.persistence.enabled=false." }}
{{- if and (kindIs "invalid" $wanted) (not $default) }}

WARNING: no StorageClass is the default; {{ $known }}.
{{ $way }}
{{- else if and $wanted (not (has $wanted $names)) }}

WARNING: there is no StorageClass {{ $wanted }}; {{ $known }}.
{{ $way }}
{{- end }}
{{- end -}}
