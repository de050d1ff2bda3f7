// Resolves the settings of the ruler. Messages never contain an address or a password.

import { parseWrittenDuration } from '@skald/config-reading'
import { readParsedRules } from '@skald/config-reading/relabel'
import { nsPerMs } from '@skald/go-dialect'
import { isLabelName } from '@skald/wire'
import { discoveryMsLeast, rulerIntervalMsLeast } from './limits.ts'
import { hiddenSecret } from './resolve-bucket.ts'
import {
  type AlertmanagerConfig,
  isAllowedHost,
  type RemoteWriteConfig,
  type RulerConfig,
  type RulerLimits,
  type SecretText,
  type ServerAccess,
  type ServerTls,
  type SigV4Config,
  type WebhookConfig,
} from './ruler-config.ts'
import type {
  RawAlertmanager,
  RawRemoteWrite,
  RawRuler,
  RawRulerLimits,
  RawRulerStorage,
  RawSigV4,
  RawWebhook,
} from './ruler-schema.ts'
import { isEmpty, valueAt } from './settings/setting.ts'
import { readCiphers } from './tls/cipher-suites.ts'

/** Records a mistake in a key of a block. */
type Report = (block: string, key: string, message: string) => void

/** The blocks that belong to the ruler. */
export interface RawRulerParts {
  readonly ruler: RawRuler
  readonly ruler_storage: RawRulerStorage
}

/** Returns true if a file says that there is a ruler. */
export function hasRuler(file: unknown): boolean {
  const places = ['ruler', 'ruler_storage', 'common.storage.filesystem.rules_directory']
  return places.some(place => !isEmpty(valueAt(file, place)))
}

/** Returns the settings of the ruler; `undefined` if the file has none. */
export function resolveRuler(
  raw: RawRulerParts,
  file: unknown,
  report: Report,
): RulerConfig | undefined {
  if (!hasRuler(file)) return undefined
  const { ruler } = raw
  const clients = ruler.remote_write.enabled ? resolveClients(ruler, report) : []
  const evaluationMs = msOf(ruler.evaluation_interval)
  if (evaluationMs < rulerIntervalMsLeast)
    report('ruler', 'evaluation_interval', `must be at least ${rulerIntervalMsLeast}ms`)
  for (const name of Object.keys(ruler.external_labels)) {
    if (!isLabelName(name)) report('ruler', 'external_labels', `${name} is not a valid label name`)
  }
  return {
    directory: directoryOf(raw, file),
    pollMs: msOf(ruler.poll_interval),
    evaluationMs,
    externalUrl: ruler.external_url.replace(/\/+$/, ''),
    externalLabels: new Map(Object.entries(ruler.external_labels)),
    datasourceUid: ruler.datasource_uid,
    outageToleranceMs: msOf(ruler.for_outage_tolerance),
    graceMs: msOf(ruler.for_grace_period),
    resendDelayMs: msOf(ruler.resend_delay),
    hasApi: ruler.enable_api,
    enabledTenants: namesIn(ruler.enabled_tenants),
    disabledTenants: namesIn(ruler.disabled_tenants),
    hasGroupLabel: !ruler.disable_rule_group_label,
    alertmanager: resolveAlertmanager(ruler, (key, message) => report('ruler', key, message)),
    remoteWrite: { clients, sendsTenant: ruler.remote_write.add_org_id_header },
    webhooks: ruler.webhooks.map((hook, i) => resolveWebhook(hook, i, ruler.webhook_hosts, report)),
    webhookHosts: ruler.webhook_hosts,
  }
}

/** Returns the settings of the ruler for one tenant. */
export function resolveRulerLimits(
  raw: RawRulerLimits,
  report: (key: keyof RawRulerLimits, message: string) => void,
): RulerLimits {
  const url = String(raw.ruler_remote_write_url ?? '')
  if (url !== '' && !isHttpUrl(url)) report('ruler_remote_write_url', noUrl)
  const headers = Object.entries(raw.ruler_remote_write_headers)
  const own = raw.ruler_alertmanager_config
  const relabel = raw.ruler_remote_write_relabel_configs
  const clients = Object.entries(raw.ruler_remote_write_config).flatMap(([id, written]) => {
    const tell = (message: string) => report('ruler_remote_write_config', message)
    const client = resolveClient(id, written, tell)
    return client ? [[id, client] as const] : []
  })
  return {
    rulesPerGroupMax: raw.ruler_max_rules_per_rule_group,
    groupsMax: raw.ruler_max_rule_groups_per_tenant,
    isRemoteWriteOff: raw.ruler_remote_write_disabled,
    alertmanager:
      own === null
        ? undefined
        : resolveAlertmanager(own, (key, message) =>
            report('ruler_alertmanager_config', `${key} ${message}`),
          ),
    remoteWriteUrl: url || undefined,
    remoteWriteTimeoutMs: msOf(raw.ruler_remote_write_timeout) || undefined,
    remoteWriteHeaders: headers.length > 0 ? new Map(headers) : undefined,
    remoteWriteRelabelRules:
      relabel.length === 0
        ? undefined
        : readParsedRules(relabel, message =>
            report('ruler_remote_write_relabel_configs', message),
          ),
    remoteWriteSigv4: sigv4Of(raw.ruler_remote_write_sigv4_config, message =>
      report('ruler_remote_write_sigv4_config', message),
    ),
    remoteWriteClients: clients.length > 0 ? new Map(clients) : undefined,
  }
}

function directoryOf({ ruler, ruler_storage: newer }: RawRulerParts, file: unknown): string {
  const older = ruler.storage.local.directory
  const thanos = newer.local.directory || newer.filesystem.dir
  const common = valueAt(file, 'common.storage.filesystem.rules_directory')
  const prefersThanos = valueAt(file, 'storage_config.use_thanos_objstore') === true
  const ordered = prefersThanos ? [thanos, older] : [older, thanos]
  return ordered.find(directory => directory !== '') ?? (typeof common === 'string' ? common : '')
}

function namesIn(text: string): string[] {
  return text.split(',').flatMap(name => name.trim() || [])
}

const noUrl = 'must be addresses such as http://alertmanager:9093'

function isHttpUrl(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '')
}

const noSrvName =
  'must have names of SRV records without a port as hosts, such as http://_http._tcp.alertmanager.example.com, because enable_alertmanager_discovery is true'

function isSrvUrl(text: string): boolean {
  const { hostname, port } = new URL(text)
  return /^_[^.]+\._[^.]+\../.test(hostname) && port === ''
}

function resolveAlertmanager(
  raw: RawAlertmanager,
  report: (key: string, message: string) => void,
): AlertmanagerConfig {
  const { alertmanager_client: client } = raw
  const written = namesIn(String(raw.alertmanager_url ?? ''))
  if (!written.every(isHttpUrl)) report('alertmanager_url', noUrl)
  const refreshMs = msOf(raw.alertmanager_refresh_interval)
  if (raw.enable_alertmanager_discovery) {
    if (!written.filter(isHttpUrl).every(isSrvUrl)) report('alertmanager_url', noSrvName)
    if (refreshMs < discoveryMsLeast)
      report('alertmanager_refresh_interval', `must be at least ${discoveryMsLeast / 1000}s`)
  }
  const tls: ServerTls = {
    caFile: client.tls_ca_path,
    certFile: client.tls_cert_path,
    keyFile: client.tls_key_path,
    serverName: client.tls_server_name,
    isUnverified: client.tls_insecure_skip_verify,
    minVersion: versionOf(client.tls_min_version),
    ciphers: readCiphers(client.tls_cipher_suites, message =>
      report('alertmanager_client', `tls_cipher_suites: ${message}`),
    ),
  }
  const credentials = secretOf(client.credentials, client.credentials_file)
  return {
    servers: written.filter(isHttpUrl).map(text => {
      const url = new URL(text)
      const username = client.basic_auth_username || decodeURIComponent(url.username)
      const password = client.basic_auth_username
        ? String(client.basic_auth_password ?? '')
        : decodeURIComponent(url.password)
      const basicAuth = username === '' ? undefined : { username, password: { text: password } }
      const authorization = credentials && { type: client.type, credentials }
      return { url: withoutCredentials(url), access: { basicAuth, authorization, tls } }
    }),
    discoveryMs: raw.enable_alertmanager_discovery ? refreshMs : undefined,
    queueCapacity: raw.notification_queue_capacity || 10_000,
    timeoutMs: msOf(raw.notification_timeout) || 10_000,
    relabelRules: readParsedRules(raw.alert_relabel_configs, message =>
      report('alert_relabel_configs', message),
    ),
  }
}

function withoutCredentials(url: URL): string {
  const plain = new URL(url)
  plain.username = ''
  plain.password = ''
  return plain.href.replace(/\/+$/, '')
}

/** Returns Node's name of a version of TLS. */
function versionOf(name: string): string {
  const digits = /(\d)(\d)$/.exec(name)
  return digits ? `TLSv${digits[1]}.${digits[2]}`.replace('TLSv1.0', 'TLSv1') : ''
}

function secretOf(text: unknown, file: string): SecretText | undefined {
  if (file !== '') return { file }
  const written = String(text ?? '')
  return written === '' ? undefined : { text: written }
}

function resolveClients({ remote_write: write }: RawRuler, report: Report): RemoteWriteConfig[] {
  const named = Object.entries(write.clients)
  const all =
    named.length > 0 || write.client === null ? named : [['default', write.client] as const]
  if (all.length === 0)
    report(
      'ruler.remote_write',
      'enabled',
      'remote-write enabled but no clients URL are configured',
    )
  const tell = (message: string) => report('ruler.remote_write', 'clients', message)
  return all.flatMap(([id, raw]) => resolveClient(id, raw, tell) ?? [])
}

function resolveClient(
  id: string,
  raw: RawRemoteWrite,
  tell: (message: string) => void,
): RemoteWriteConfig | undefined {
  const written = String(raw.url ?? '')
  if (!isHttpUrl(written)) {
    tell(`${id}: url must be an address such as http://prometheus:9090/api/v1/write`)
    return undefined
  }
  const url = new URL(written)
  const { queue_config: queue, authorization } = raw
  const token = secretOf(raw.bearer_token, raw.bearer_token_file)
  const credentials = secretOf(authorization.credentials, authorization.credentials_file) ?? token
  const basicAuth = basicAuthOf(raw.basic_auth, url)
  const sigv4 = sigv4Of(raw.sigv4, message => tell(`${id}: sigv4: ${message}`))
  if (sigv4 && (basicAuth || credentials))
    tell(`${id}: sigv4 signs requests, so remove the other credentials, or sigv4`)
  return {
    id,
    url: withoutCredentials(url),
    access: {
      basicAuth,
      authorization: credentials && { type: authorization.type, credentials },
      sigv4,
      tls: tlsOf(raw.tls_config),
    },
    timeoutMs: msOf(raw.remote_timeout) || 30_000,
    headers: new Map(Object.entries(raw.headers).filter(([name]) => !isTenantHeader(name))),
    relabelRules: readParsedRules(raw.write_relabel_configs, message =>
      tell(`${id}: write_relabel_configs: ${message}`),
    ),
    version: raw.protobuf_message.includes('v2') ? 2 : 1,
    samplesPerSend: queue.max_samples_per_send || 2000,
    backoffMinMs: Math.max(1, msOf(queue.min_backoff)),
    backoffMaxMs: Math.max(1, msOf(queue.max_backoff)),
  }
}

/** A tenant must not be able to name another one. */
function isTenantHeader(name: string): boolean {
  return name.trim().toLowerCase() === 'x-scope-orgid'
}

function basicAuthOf(
  { username, password, password_file: file }: RawRemoteWrite['basic_auth'],
  url?: URL,
): ServerAccess['basicAuth'] {
  if (username !== '') return { username, password: secretOf(password, file) ?? { text: '' } }
  if (!url || url.username === '') return undefined
  const text = decodeURIComponent(url.password)
  return { username: decodeURIComponent(url.username), password: { text } }
}

function sigv4Of(raw: RawSigV4 | null, tell: (message: string) => void): SigV4Config | undefined {
  if (raw === null) return undefined
  const secretKey = String(raw.secret_key ?? '')
  const externalId = raw.external_id ?? ''
  if ((raw.access_key === '') !== (secretKey === ''))
    tell('access_key and secret_key belong together: write both, or none')
  if (externalId !== '' && raw.role_arn === '')
    tell('external_id belongs to a role: write role_arn too')
  return {
    ...{ region: raw.region, profile: raw.profile, accessKey: raw.access_key, secretKey },
    ...{ roleArn: raw.role_arn, externalId, isFipsSts: raw.use_fips_sts_endpoint ?? false },
    service: raw.service_name || 'aps',
  }
}

function tlsOf(raw: RawRemoteWrite['tls_config']): ServerTls {
  return {
    caFile: raw.ca_file,
    certFile: raw.cert_file,
    keyFile: raw.key_file,
    serverName: raw.server_name,
    isUnverified: raw.insecure_skip_verify,
    minVersion: versionOf(raw.min_version),
  }
}

function resolveWebhook(
  raw: RawWebhook,
  index: number,
  hosts: readonly string[],
  report: Report,
): WebhookConfig {
  const name = raw.name || `webhook-${index}`
  const url = secretOf(raw.url, raw.url_file)
  const tell = (message: string) => report('ruler', 'webhooks', `${name}: ${message}`)
  if (!url) tell('write url, or url_file with the path of a file that has the address')
  if (url && 'text' in url) {
    const parsed = URL.parse(url.text)
    if (!parsed || !isHttpUrl(url.text)) tell('url must be an http or https address')
    else if (!isAllowedHost(parsed.hostname, hosts))
      tell('its host is not in ruler.webhook_hosts: add the host there')
  }
  const token = secretOf('', raw.bearer_token_file)
  return {
    name,
    kind: raw.type,
    url: url ?? { text: '' },
    access: {
      basicAuth: basicAuthOf(raw.basic_auth),
      authorization: token && { type: 'Bearer', credentials: token },
      tls: tlsOf(raw.tls_config),
    },
    headers: new Map(Object.entries(raw.headers)),
    sendsResolved: raw.send_resolved,
    timeoutMs: msOf(raw.timeout) || 10_000,
  }
}

function msOf(duration: string | number): number {
  return Number(parseWrittenDuration(duration) / nsPerMs)
}

const secretKeys = /(^|_)(url|password|credentials|bearer_token|secret_key)$/

/** Returns settings as written, with their secrets hidden. */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key === 'headers' || key.endsWith('_headers'))
        return [
          key,
          Object.fromEntries(Object.keys(inner as object).map(name => [name, hiddenSecret])),
        ]
      const isSecret =
        secretKeys.test(key) && key !== 'external_url' && inner !== '' && inner !== null
      return [key, isSecret ? hiddenSecret : withoutSecrets(inner)]
    }),
  )
}
