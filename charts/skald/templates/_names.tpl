{{/*
Names of the release's objects. The store has the name of the release, because people's datasources point
to http://<release>.<namespace>:3100. The agent's objects end in -promtail, as before.
*/}}

{{/*
Merges `store` into `loki` and `agent` into `promtail`, so that templates read one of each. Include it
first in every template, because Helm renders them in any order.

`lokiScope` and `promtailScope` are the scopes of templates in those blocks. As in the original charts,
`.Values` are the values of that block. `.root` is the scope of this chart.
*/}}
{{- define "skald.mergeValues" -}}
{{- if not (hasKey .Values "isMerged") -}}
{{- $_ := set .Values "loki" (mergeOverwrite (deepCopy .Values.loki) (deepCopy .Values.store)) -}}
{{- $_ := set .Values "promtail" (mergeOverwrite (deepCopy .Values.promtail) (deepCopy .Values.agent)) -}}
{{- $_ := set .Values "isMerged" true -}}
{{- include "skald.wireDoors" . -}}
{{- $scope := omit . "Values" "Chart" -}}
{{- range $role := list "loki" "promtail" -}}
{{- $values := merge (dict "global" $.Values.global) (get $.Values $role) -}}
{{- $chart := dict "Name" $role "Version" $.Chart.Version "AppVersion" $.Chart.AppVersion -}}
{{- $_ := set $.Values (printf "%sScope" $role) (merge (dict "root" $ "Values" $values "Chart" $chart) $scope) -}}
{{- end -}}
{{- include "skald.checkValues" . -}}
{{- include "skald.checkClients" . -}}
{{- end -}}
{{- end -}}

{{/* Refuses values that would render but not work, and says what to do. */}}
{{- define "skald.checkValues" -}}
{{- range $path, $advice := .Files.Get "moved.yaml" | fromYaml -}}
{{- $found := dict "value" $.Values "isThere" true -}}
{{- range $key := splitList "." $path -}}
{{- if and $found.isThere (kindIs "map" $found.value) (hasKey $found.value $key) -}}
{{- $_ := set $found "value" (get $found.value $key) -}}
{{- else -}}
{{- $_ := set $found "isThere" false -}}
{{- end -}}
{{- end -}}
{{- if $found.isThere }}{{ fail (printf "%s: %s" $path $advice) }}{{ end -}}
{{- end -}}
{{- if include "skald.isReplicated" . -}}
{{- if .Values.loki.persistence.existingClaim -}}
{{- fail "loki.persistence.existingClaim: replicas keep their lines in the bucket and need no volume; remove it" -}}
{{- end -}}
{{- else if gt (int .Values.loki.replicas) 1 -}}
{{- fail "loki.replicas: a store is one process with one volume; 1 or 0. For more, replicas have to share a bucket and a PostgreSQL: set loki.config.skald.catalog.postgres_url and the bucket in loki.config, see docs/scaling.md" -}}
{{- else if .Values.loki.autoscaling.enabled -}}
{{- fail "loki.autoscaling: only replicas that share a bucket and a PostgreSQL can be scaled: set loki.config.skald.catalog.postgres_url and the bucket in loki.config, see docs/scaling.md" -}}
{{- end -}}
{{- if and .Values.loki.useExistingAlertingGroup.enabled (not .Values.loki.useExistingAlertingGroup.configmapName) -}}
{{- fail "loki.useExistingAlertingGroup.configmapName: name the ConfigMap with the rules" -}}
{{- end -}}
{{- $dir := .Values.loki.config.common.path_prefix | toString -}}
{{- if and (not (regexMatch "^/data(/|$)" $dir)) (empty .Values.loki.extraVolumeMounts) -}}
{{- fail (printf "loki.config.common.path_prefix: %s is not on a volume; choose a directory under /data, or mount one with loki.extraVolumes and loki.extraVolumeMounts" $dir) -}}
{{- end -}}
{{- if and .Values.promtail.enabled (not .Values.loki.enabled) (contains "skald.pushUrl" (toYaml .Values.promtail.config.clients)) -}}
{{- fail "promtail.config.clients: this release has no store (loki.enabled: false), so set where to push, such as [{url: http://loki.logs:3100/loki/api/v1/push}]" -}}
{{- end -}}
{{- end -}}

{{/* The default of loki-stack pushed to http://<release>:3100, and people copied it. */}}
{{- define "skald.checkClients" -}}
{{- $store := include "skald.store" . -}}
{{- $names := prepend .Values.loki.service.aliases $store -}}
{{- if and .Values.loki.enabled .Values.promtail.enabled (not (has .Release.Name $names)) -}}
{{- range .Values.promtail.config.clients -}}
{{- $url := tpl .url $.Values.promtailScope -}}
{{- if eq (regexReplaceAll ":[0-9]+$" (urlParse $url).host "") $.Release.Name -}}
{{- fail (printf "promtail.config.clients: %s is not a Service of this release; its store is %s. Use that name, or set loki.service.aliases: [%s]" $url $store $.Release.Name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The base of all names. */}}
{{- define "skald.base" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{- define "skald.store" -}}
{{- .Values.loki.fullnameOverride | default (include "skald.base" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Kubernetes appends a hash of eleven characters, in a label. */}}
{{- define "skald.statefulSet" -}}
{{- include "skald.store" . | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "skald.agent" -}}
{{- .Values.promtail.fullnameOverride | default (printf "%s-promtail" (include "skald.base" .)) | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Objects of the loki-stack chart itself: datasource and test. */}}
{{- define "skald.stack" -}}
{{- $base := include "skald.base" . -}}
{{- contains "loki-stack" $base | ternary $base (printf "%s-loki-stack" $base) -}}
{{- end -}}

{{- define "skald.grafana" -}}
{{- printf "%s-grafana" (include "skald.base" .) -}}
{{- end -}}

{{- define "skald.storeServiceAccount" -}}
{{- .Values.loki.serviceAccount.create | ternary (.Values.loki.serviceAccount.name | default (include "skald.store" .)) (.Values.loki.serviceAccount.name | default "default") -}}
{{- end -}}

{{- define "skald.agentServiceAccount" -}}
{{- .Values.promtail.serviceAccount.create | ternary (.Values.promtail.serviceAccount.name | default (include "skald.agent" .)) (.Values.promtail.serviceAccount.name | default "default") -}}
{{- end -}}

{{/* One image for both roles. */}}
{{- define "skald.image" -}}
{{- $registry := .Values.global.imageRegistry | default .Values.image.registry -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* Pull secrets of a pod: names, or objects with a name, from all places where they can be set. */}}
{{- define "skald.pullSecrets" -}}
{{- $names := list -}}
{{- range . -}}
{{- range . -}}
{{- $names = append $names (kindIs "map" . | ternary . (dict "name" (toString .))) -}}
{{- end -}}
{{- end -}}
{{- with $names | uniq }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* Labels, overridden by others: (list "name of a template" context others). */}}
{{- define "skald.labelsWith" -}}
{{- $labels := include (first .) (index . 1) | fromYaml -}}
{{- toYaml (mergeOverwrite $labels (deepCopy (last . | default dict))) -}}
{{- end -}}

{{/* Arguments as a list or as a map of flags: each of the old charts has one form. */}}
{{- define "skald.extraArgs" -}}
{{- if kindIs "map" . -}}
{{- range $key, $value := . }}
- {{ printf "-%s=%v" $key $value | quote }}
{{- end -}}
{{- else -}}
{{- range . }}
- {{ . | quote }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Selects the store's pods. It never changes, and is the selector of loki-stack's StatefulSet. */}}
{{- define "skald.storeSelector" -}}
app: loki
release: {{ .Release.Name }}
{{- end -}}

{{- define "skald.storeLabels" -}}
{{ include "skald.storeSelector" . }}
chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
heritage: {{ .Release.Service }}
{{- end -}}

{{- define "skald.stackLabels" -}}
app: loki-stack
release: {{ .Release.Name }}
chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
heritage: {{ .Release.Service }}
{{- end -}}

{{/* Selects the agent's pods: the selector of the promtail chart's DaemonSet. */}}
{{- define "skald.agentSelector" -}}
app.kubernetes.io/name: promtail
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "skald.agentLabels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{ include "skald.agentSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "skald.storePath" -}}
{{- .Values.loki.config.server.http_path_prefix | default "" | trimSuffix "/" -}}
{{- end -}}

{{- define "skald.storeUrl" -}}
{{ include "skald.storeScheme" . }}://{{ include "skald.store" . }}:{{ .Values.loki.service.port }}{{ include "skald.storePath" . }}
{{- end -}}

{{/* Where this release's agent pushes to, for any release name. */}}
{{- define "skald.pushUrl" -}}
{{ include "skald.storeUrl" (.root | default .) }}/loki/api/v1/push
{{- end -}}

{{/* Names that templates in people's values may use. */}}
{{- define "loki.fullname" -}}{{ include "skald.store" (.root | default .) }}{{- end -}}
{{- define "loki.serviceName" -}}{{ (.root | default .).Values.loki.serviceName | default (include "skald.store" (.root | default .)) }}{{- end -}}
{{- define "loki.name" -}}loki{{- end -}}
{{- define "promtail.fullname" -}}{{ include "skald.agent" (.root | default .) }}{{- end -}}
{{- define "promtail.name" -}}promtail{{- end -}}
{{- define "loki-stack.fullname" -}}{{ include "skald.stack" (.root | default .) }}{{- end -}}

{{/* The release's own PriorityClass, if it has one. */}}
{{- define "skald.priorityClass" -}}
{{- if .Values.priorityClass.create -}}
{{- .Values.priorityClass.name | default (include "skald.base" .) -}}
{{- end -}}
{{- end -}}
