{{/* Name of the release's objects: the release, since people's datasources point at it. */}}
{{- define "skald.fullname" -}}
{{- .Release.Name | trunc 54 | trimSuffix "-" -}}
{{- end -}}

{{- define "skald.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* Labels that select pods: they never change. */}}
{{- define "skald.selectorLabels" -}}
app: {{ .role }}
release: {{ .root.Release.Name }}
{{- end -}}

{{- define "skald.labels" -}}
{{ include "skald.selectorLabels" . }}
chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
heritage: {{ .root.Release.Service }}
{{- end -}}
