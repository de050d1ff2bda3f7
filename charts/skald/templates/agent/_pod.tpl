{{/* The agent's configuration, with its templates resolved. */}}
{{- define "skald.agentConfig" -}}
{{- tpl .Values.promtail.config.file .Values.promtailScope -}}
{{- end -}}

{{/* The agent's pod, the same in a DaemonSet and in a Deployment. */}}
{{- define "skald.agentPod" -}}
{{- $agent := .Values.promtail -}}
metadata:
  labels: {{- toYaml (merge (include "skald.agentSelector" . | fromYaml) ($agent.podLabels | default dict)) | nindent 4 }}
  {{- $reloads := $agent.sidecar.configReloader.enabled }}
  {{- $checksum := dict "checksum/config" (include "skald.agentConfig" . | sha256sum) }}
  {{- with merge (ternary dict $checksum $reloads) ($agent.podAnnotations | default dict) }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "skald.agentServiceAccount" . }}
  automountServiceAccountToken: {{ $agent.automountServiceAccountToken }}
  enableServiceLinks: {{ $agent.enableServiceLinks }}
  {{- if $agent.hostNetwork }}
  hostNetwork: true
  dnsPolicy: ClusterFirstWithHostNet
  {{- end }}
  {{- with $agent.hostAliases }}
  hostAliases: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "skald.pullSecrets" (list .Values.global.imagePullSecrets .Values.image.pullSecrets $agent.imagePullSecrets) | nindent 2 }}
  {{- with $agent.priorityClassName | default (include "skald.priorityClass" .) }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext: {{- toYaml $agent.podSecurityContext | nindent 4 }}
  {{- with $agent.initContainer }}
  initContainers: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: promtail
      image: {{ include "skald.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - agent
        - -config.file=/etc/promtail/promtail.yaml
        {{- if $agent.sidecar.configReloader.enabled }}
        - -config.auto-reload
        {{- end }}
        {{- include "skald.extraArgs" $agent.extraArgs | nindent 8 }}
      env:
        - name: HOSTNAME
          valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
        - name: NODE_OPTIONS
          value: --max-old-space-size-percentage={{ $agent.heapPercent }} --max-semi-space-size=2 --v8-pool-size=1
        - {name: MALLOC_ARENA_MAX, value: "1"}
        {{- with $agent.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $agent.extraEnvFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - {name: http-metrics, containerPort: {{ $agent.config.serverPort }}, protocol: TCP}
        {{- range $key, $port := $agent.extraPorts }}
        - {name: {{ $port.name | default $key }}, containerPort: {{ $port.containerPort }}, protocol: {{ $port.protocol | default "TCP" }}}
        {{- end }}
      {{- range $name := list "readinessProbe" "livenessProbe" }}
      {{- with get $agent $name }}
      {{ $name }}: {{- tpl (toYaml .) $.Values.promtailScope | nindent 8 }}
      {{- end }}
      {{- end }}
      securityContext: {{- toYaml $agent.containerSecurityContext | nindent 8 }}
      resources: {{- toYaml $agent.resources | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/promtail, readOnly: true}
        {{- if include "skald.hasTls" . }}
        - {name: tls, mountPath: /etc/promtail-tls, readOnly: true}
        {{- end }}
        {{- if include "skald.hasTokens" . }}
        - {name: token, mountPath: /etc/promtail-token, readOnly: true}
        {{- end }}
        {{- with $agent.defaultVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- with $agent.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- range $name, $container := $agent.extraContainers }}
    - {{- toYaml (merge (dict "name" $name) $container) | nindent 6 }}
    {{- end }}
  {{- with $agent.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $agent.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $agent.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  volumes:
    - name: config
      {{- if $agent.configmap.enabled }}
      configMap: {name: {{ include "skald.agent" . }}}
      {{- else }}
      secret: {secretName: {{ include "skald.agent" . }}}
      {{- end }}
    {{- if include "skald.hasTls" . }}
    - name: tls
      secret: {secretName: {{ include "skald.tlsSecret" . }}, items: [{key: ca.crt, path: ca.crt}]}
    {{- end }}
    {{- if include "skald.hasTokens" . }}
    - name: token
      secret: {secretName: {{ include "skald.tokensSecret" . }}, items: [{key: agent, path: agent}]}
    {{- end }}
    {{- with $agent.defaultVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with $agent.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
