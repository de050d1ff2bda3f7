{{/* Whether the store is one of several over a bucket and a PostgreSQL. Empty if not. */}}
{{- define "skald.isReplicated" -}}
{{- with .Values.loki.config.skald -}}
{{- with .catalog -}}
{{- with .postgres_url }}true{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether the store asks other servers: PostgreSQL, or a bucket. Empty if not. */}}
{{- define "skald.usesServers" -}}
{{- $config := .Values.loki.config -}}
{{- include "skald.isReplicated" . -}}
{{- range (get ($config.schema_config | default dict) "configs" | default list) -}}
{{- if ne (.object_store | default "filesystem") "filesystem" }}true{{ end -}}
{{- end -}}
{{- if get (get $config.common "storage" | default dict) "s3" }}true{{ end -}}
{{- with $config.ruler }}{{ if or .alertmanager_url .remote_write .webhooks }}true{{ end }}{{ end -}}
{{- end -}}

{{/* The store's pod, the same in a StatefulSet and in a Deployment. */}}
{{- define "skald.storePod" -}}
{{- $store := .Values.loki -}}
{{- $name := include "skald.store" . -}}
{{- $isReplicated := include "skald.isReplicated" . -}}
metadata:
  labels: {{- toYaml (merge (include "skald.storeSelector" . | fromYaml) (dict "name" $name) ($store.podLabels | default dict)) | nindent 4 }}
  annotations:
    {{- if not $store.config.existingSecret }}
    checksum/config: {{ include "skald.storeConfig" . | sha256sum }}
    {{- end }}
    {{- with $store.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "skald.storeServiceAccount" . }}
  automountServiceAccountToken: {{ $store.serviceAccount.automountServiceAccountToken }}
  enableServiceLinks: false
  {{- include "skald.pullSecrets" (list .Values.global.imagePullSecrets .Values.image.pullSecrets (get ($store.image | default dict) "pullSecrets" | default list)) | nindent 2 }}
  {{- with $store.priorityClassName | default (include "skald.priorityClass" .) }}
  priorityClassName: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ $store.terminationGracePeriodSeconds }}
  securityContext: {{- toYaml $store.securityContext | nindent 4 }}
  {{- with $store.initContainers }}
  initContainers: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: loki
      image: {{ include "skald.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - store
        - -config.file=/etc/loki/loki.yaml
        {{- include "skald.extraArgs" $store.extraArgs | nindent 8 }}
      env:
        - name: NODE_OPTIONS
          value: --max-old-space-size-percentage={{ $store.heapPercent }} --max-semi-space-size=4
        - {name: MALLOC_ARENA_MAX, value: "2"}
        {{- with $store.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $store.extraEnvFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - {name: http-metrics, containerPort: {{ $store.config.server.http_listen_port }}, protocol: TCP}
      {{- range $name := list "startupProbe" "readinessProbe" "livenessProbe" }}
      {{- with get $store $name }}
      {{- $probe := fromYaml (tpl (toYaml .) $.Values.lokiScope) }}
      {{- if and (include "skald.hasTls" $) $probe.httpGet }}{{ $_ := merge $probe.httpGet (dict "scheme" "HTTPS") }}{{ end }}
      {{ $name }}: {{- toYaml $probe | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- if $isReplicated }}
      # Requests go on to arrive until every node knows that the pod leaves.
      lifecycle:
        preStop:
          exec: {command: [node, -e, "setTimeout(() => {}, {{ mul 1000 $store.drainSeconds }})"]}
      {{- end }}
      securityContext: {{- toYaml $store.containerSecurityContext | nindent 8 }}
      resources: {{- toYaml $store.resources | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: config, mountPath: /etc/loki, readOnly: true}
        - name: storage
          mountPath: /data
          {{- with $store.persistence.subPath }}
          subPath: {{ . }}
          {{- end }}
        {{- if include "skald.alertingRules" . }}
        - {name: rules, mountPath: /rules/fake, readOnly: true}
        {{- end }}
        {{- if include "skald.hasTls" . }}
        - {name: tls, mountPath: /etc/loki-tls, readOnly: true}
        {{- end }}
        {{- if and $store.auth.enabled $store.auth.htpasswdSecret }}
        - {name: users, mountPath: /etc/loki-users, readOnly: true}
        {{- end }}
        {{- with $store.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with $store.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $store.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $store.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $store.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $store.topologySpreadConstraints }}
  {{- if or .enabled $isReplicated }}
  topologySpreadConstraints:
    - maxSkew: {{ .maxSkew }}
      topologyKey: {{ .topologyKey }}
      whenUnsatisfiable: {{ .whenUnsatisfiable }}
      labelSelector:
        matchLabels: {{- include "skald.storeSelector" $ | nindent 10 }}
  {{- end }}
  {{- end }}
  volumes:
    - name: tmp
      emptyDir: {}
    - name: config
      secret: {secretName: {{ $store.config.existingSecret | default $name }}}
    {{- if $isReplicated }}
    # A cache, which a replica fills again from the bucket.
    - name: storage
      emptyDir: {sizeLimit: {{ $store.persistence.size | quote }}}
    {{- else if not $store.persistence.enabled }}
    - name: storage
      emptyDir: {}
    {{- else if $store.persistence.existingClaim }}
    - name: storage
      persistentVolumeClaim: {claimName: {{ $store.persistence.existingClaim }}}
    {{- end }}
    {{- with include "skald.alertingRules" . }}
    - name: rules
      configMap: {name: {{ . }}}
    {{- end }}
    {{- if include "skald.hasTls" . }}
    - name: tls
      secret: {secretName: {{ include "skald.tlsSecret" . }}, defaultMode: 0440}
    {{- end }}
    {{- if and $store.auth.enabled $store.auth.htpasswdSecret }}
    - name: users
      secret: {secretName: {{ $store.auth.htpasswdSecret }}, defaultMode: 0440}
    {{- end }}
    {{- with $store.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
