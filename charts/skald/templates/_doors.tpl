{{/*
Wires what loki.tls and loki.auth set: the store's configuration, the agent's client, and the tokens of this release. It runs
once, before the other templates read the values.
*/}}
{{- define "skald.wireDoors" -}}
{{- $store := .Values.loki -}}
{{- if $store.enabled -}}
{{- include "skald.checkDoors" . -}}
{{- $client := dict -}}
{{- if $store.tls.enabled -}}
{{- $files := dict "cert_file" "/etc/loki-tls/tls.crt" "key_file" "/etc/loki-tls/tls.key" -}}
{{- $own := get $store.config.server "http_tls_config" | default dict -}}
{{- $_ := set $store.config.server "http_tls_config" (merge $own $files) -}}
{{- $_ := set $client "tls_config" (dict "ca_file" "/etc/promtail-tls/ca.crt") -}}
{{- end -}}
{{- if $store.auth.enabled -}}
{{- include "skald.wireTokens" . -}}
{{- $_ := set $client "bearer_token_file" "/etc/promtail-token/agent" -}}
{{- end -}}
{{- /* Clients with another address or another login stay as they are. */}}
{{- range $own := .Values.promtail.config.clients -}}
{{- if contains "skald.pushUrl" ($own.url | toString) -}}
{{- $isKnown := or $own.basic_auth $own.bearer_token $own.bearer_token_file $own.oauth2 $own.authorization -}}
{{- $_ := merge $own (ternary (omit $client "bearer_token_file") $client (not (empty $isKnown))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Refuses values of loki.tls and loki.auth that would render but not work. */}}
{{- define "skald.checkDoors" -}}
{{- $store := .Values.loki -}}
{{- if and $store.config.existingSecret (or $store.tls.enabled $store.auth.enabled) -}}
{{- fail "loki.config.existingSecret: the chart cannot write loki.tls and loki.auth into it; write server.http_tls_config and auth there, and mount their files with loki.extraVolumes" -}}
{{- end -}}
{{- if $store.tls.enabled -}}
{{- if and $store.tls.certificate.enabled (not $store.tls.certificate.issuerRef.name) -}}
{{- fail "loki.tls.certificate.issuerRef.name: name the Issuer or ClusterIssuer of cert-manager" -}}
{{- end -}}
{{- if not (or $store.tls.existingSecret $store.tls.certificate.enabled) -}}
{{- fail "loki.tls.existingSecret: name a Secret with tls.crt, tls.key and ca.crt, or set loki.tls.certificate.enabled" -}}
{{- end -}}
{{- end -}}
{{- if and $store.auth.enabled $store.auth.existingSecret -}}
{{- if not (get ($store.config.auth | default dict) "tokens") -}}
{{- fail "loki.auth.existingSecret: the store needs the SHA-256 of the tokens in it; write them into loki.config.auth.tokens" -}}
{{- end -}}
{{- if and .Values.grafana.sidecar.datasources.enabled (not $store.auth.tokens.grafana) -}}
{{- fail "loki.auth.existingSecret: the datasource of the sidecar needs the token itself; set loki.auth.tokens.grafana, or grafana.sidecar.datasources.enabled: false" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Makes the tokens of this release, or takes those that its Secret has, and tells the store their SHA-256. */}}
{{- define "skald.wireTokens" -}}
{{- $store := .Values.loki -}}
{{- $auth := $store.config.auth | default dict -}}
{{- $tokens := dict -}}
{{- $old := dict -}}
{{- if not $store.auth.existingSecret -}}
{{- $old = lookup "v1" "Secret" .Release.Namespace (include "skald.tokensSecret" .) | default dict -}}
{{- end -}}
{{- range $who := list "agent" "grafana" "test" -}}
{{- $kept := get ($old.data | default dict) $who | default "" | b64dec -}}
{{- $_ := set $tokens $who (get $store.auth.tokens $who | default $kept | default (randAlphaNum 43)) -}}
{{- end -}}
{{- $_ := set $store.auth "made" $tokens -}}
{{- if not $store.auth.existingSecret -}}
{{- $roles := dict "agent" (list "push") "grafana" (list "read") "test" (list "push" "read") -}}
{{- $entries := get $auth "tokens" | default list -}}
{{- range $who, $token := $tokens -}}
{{- $entry := dict "name" (printf "%s of the release" $who) "sha256" (sha256sum $token) "roles" (get $roles $who) -}}
{{- if $store.config.auth_enabled }}{{ $_ := set $entry "tenants" (list "*") }}{{ end -}}
{{- $entries = append $entries $entry -}}
{{- end -}}
{{- $_ := set $auth "tokens" $entries -}}
{{- end -}}
{{- if and $store.auth.htpasswdSecret (not (get $auth "htpasswd_file")) -}}
{{- $_ := set $auth "htpasswd_file" "/etc/loki-users/htpasswd" -}}
{{- end -}}
{{- if and $store.serviceMonitor.enabled (not (hasKey $auth "public_metrics")) -}}
{{- $_ := set $auth "public_metrics" true -}}
{{- end -}}
{{- $_ := set $store.config "auth" $auth -}}
{{- end -}}

{{- define "skald.tokensSecret" -}}
{{- .Values.loki.auth.existingSecret | default (printf "%s-tokens" (include "skald.store" .)) -}}
{{- end -}}

{{- define "skald.tlsSecret" -}}
{{- .Values.loki.tls.existingSecret | default (printf "%s-tls" (include "skald.store" .)) -}}
{{- end -}}

{{/* Whether the parts of this release show tokens. Empty if not. */}}
{{- define "skald.hasTokens" -}}
{{- if and .Values.loki.enabled .Values.loki.auth.enabled }}true{{ end -}}
{{- end -}}

{{/* Whether the store of this release speaks HTTPS. Empty if not. */}}
{{- define "skald.hasTls" -}}
{{- if and .Values.loki.enabled .Values.loki.tls.enabled }}true{{ end -}}
{{- end -}}

{{- define "skald.storeScheme" -}}
{{- $root := .root | default . -}}
{{- ternary "https" "http" (not (empty (include "skald.hasTls" $root))) -}}
{{- end -}}
