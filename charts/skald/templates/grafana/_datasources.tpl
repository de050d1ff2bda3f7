{{/* The provisioning of Grafana. */}}
{{- define "skald.datasources" -}}
apiVersion: 1
datasources:
{{- if .Values.loki.enabled }}
  - name: Loki
    type: loki
    access: proxy
    url: {{ tpl .Values.loki.url . | quote }}
    version: 1
    isDefault: {{ .Values.loki.isDefault }}
    {{- with .Values.loki.datasource.uid }}
    uid: {{ . | quote }}
    {{- end }}
    {{- $json := fromYaml (tpl (.Values.loki.datasource.jsonData | toString) .) }}
    {{- $more := dict "maxLines" (int .Values.grafana.sidecar.datasources.maxLines) }}
    {{- $secrets := dict }}
    {{- with .Values.loki.datasource.tenant }}
    {{- $_ := set $more "httpHeaderName1" "X-Scope-OrgID" }}
    {{- $_ := set $secrets "httpHeaderValue1" . }}
    {{- end }}
    {{- /* This chart's Grafana reads files. Another one gets the token itself, in a Secret. */}}
    {{- $isOwn := .Values.grafana.enabled }}
    {{- if include "skald.hasTokens" . }}
    {{- $token := ternary "$__file{/etc/grafana-token/grafana}" .Values.loki.auth.made.grafana $isOwn }}
    {{- $_ := set $more "httpHeaderName2" "Authorization" }}
    {{- $_ := set $secrets "httpHeaderValue2" (printf "Bearer %s" $token) }}
    {{- end }}
    {{- if and (include "skald.hasTls" .) $isOwn }}
    {{- $_ := set $more "tlsAuthWithCACert" true }}
    {{- $_ := set $secrets "tlsCACert" "$__file{/etc/grafana-tls/ca.crt}" }}
    {{- end }}
    {{- with $secrets }}
    secureJsonData: {{- toYaml . | nindent 6 }}
    {{- end }}
    jsonData: {{- toYaml (merge $json $more) | nindent 6 }}
{{- end }}
{{- /* The default URL of loki-stack points to its own Prometheus. */}}
{{- if and .Values.prometheus.enabled .Values.prometheus.url (not (contains "prometheus.fullname" .Values.prometheus.url)) }}
  - name: Prometheus
    type: prometheus
    access: proxy
    url: {{ tpl .Values.prometheus.url . | quote }}
    version: 1
    isDefault: {{ .Values.prometheus.isDefault }}
    jsonData: {{- toYaml (fromYaml (tpl (.Values.prometheus.datasource.jsonData | toString) .)) | nindent 6 }}
{{- end }}
{{- end -}}
