// clients: where and how to push.

import {
  readAnything,
  readBoolean,
  readCount,
  readDurationMs,
  readLabels,
  readText,
  readTextMap,
  refuse,
  type ValueReader,
  type YamlCursor,
} from '@skald/config-reading'
import { isGoUrl } from '../config-reading/go-url.ts'
import {
  httpClientFields,
  readLateSecret,
  readOneAuthorization,
} from '../config-reading/http-client.ts'
import type { BackoffConfig } from '../net/backoff.ts'
import type { ClientAuthorization, Secret } from '../net/credentials.ts'
import type { ClientTls, ProxyConfig } from '../net/http-post.ts'
import type { TransportConfig } from '../push/client.ts'

/** A server to push to. */
export interface ClientConfig {
  readonly name: string | undefined
  /** Equal for clients with equal settings. */
  readonly identity: string
  readonly transport: TransportConfig
  readonly tenantId: string
  readonly batchWaitMs: number
  readonly batchBytesMax: number
  readonly externalLabels: ReadonlyMap<string, string>
  readonly backoff: BackoffConfig
  readonly dropsRateLimited: boolean
  readonly takesProxyOfEnvironment: boolean
  /** Its position in the file. */
  readonly place: { readonly line: number; readonly column: number }
}

export const clientDefaults = {
  batchWaitMs: 1000,
  batchBytesMax: 1_048_576,
  timeoutMs: 10_000,
  // No end, unlike Promtail's 10: the agent gives up a batch only if the file says so.
  backoff: { minMs: 500, maxMs: 300_000, attemptsMax: 0 },
} as const

/** Reads `clients`. */
export const readClients: ValueReader<ClientConfig[]> = cursor =>
  cursor
    .items()
    .map(readClient)
    .filter(client => client !== undefined)

/** The older `client` key: one client or, without a url, only labels for those in `clients`. */
export interface SingleClient {
  readonly client: ClientConfig | undefined
  /** Also added to every other client. */
  readonly externalLabels: ReadonlyMap<string, string>
}

/** Reads `client`. */
export const readSingleClient: ValueReader<SingleClient> = cursor => {
  if (cursor.isMap && cursor.get('url') === undefined) {
    const { external_labels: externalLabels = new Map() } = cursor.record(clientFields)
    return { client: undefined, externalLabels }
  }
  const client = readClient(cursor)
  return { client, externalLabels: client?.externalLabels ?? new Map() }
}

const readBackoff: ValueReader<BackoffConfig> = cursor => {
  const raw = cursor.record({
    min_period: readDurationMs,
    max_period: readDurationMs,
    max_retries: readCount,
  })
  return {
    minMs: raw.min_period ?? clientDefaults.backoff.minMs,
    maxMs: raw.max_period ?? clientDefaults.backoff.maxMs,
    attemptsMax: raw.max_retries ?? clientDefaults.backoff.attemptsMax,
  }
}

// Headers that http_headers may not set, like in Prometheus.
const reservedHeaders =
  /^(authorization|content-(encoding|length|type)|host|user-agent|connection|keep-alive|proxy-(authenticate|authorization)|www-authenticate|accept-encoding|x-prometheus-(remote-(write|read)-version|scrape-timeout-seconds)|x-amz-(date|security-token|content-sha256))$/i

const readHttpHeaders: ValueReader<Map<string, Secret>> = cursor => {
  const headers = new Map<string, Secret>()
  for (const { key, value } of cursor.pairs()) {
    if (reservedHeaders.test(key)) value.failAtKey(`setting header ${key} is not allowed`)
    const raw = value.record({ values: listText, secrets: listText, files: listText })
    const texts = [...(raw.values ?? []), ...(raw.secrets ?? [])]
    const [file, ...others] = raw.files ?? []
    if (file === undefined) headers.set(key, { text: texts.join(', ') })
    else if (texts.length + others.length === 0) headers.set(key, { file })
    else value.failAtKey(`${key}: give either values and secrets, or one file`)
  }
  return headers
}

const readOauth: ValueReader<ClientAuthorization> = cursor => {
  const raw = cursor.record({
    client_id: readText,
    client_secret: readText,
    client_secret_file: readText,
    token_url: readUrl,
    scopes: listText,
    endpoint_params: readTextMap,
    tls_config: refuse('the tls_config of the client applies to its token server too'),
    proxy_url: refuse('the proxy_url of the client applies to its token server too'),
  })
  const clientSecret = readLateSecret(cursor, raw.client_secret, raw.client_secret_file)
  if (!raw.client_id || !clientSecret || !raw.token_url) {
    return cursor.failAtKey('oauth2 needs client_id, client_secret and token_url')
  }
  return {
    ...{ kind: 'oauth2', clientId: raw.client_id, clientSecret, tokenUrl: raw.token_url },
    ...{ scopes: raw.scopes ?? [], endpointParams: raw.endpoint_params ?? new Map() },
  }
}

const listText: ValueReader<string[]> = cursor =>
  cursor
    .items()
    .map(readText)
    .filter(text => text !== undefined)

/** Reads a URL to push to. */
export const readUrl: ValueReader<URL> = cursor => {
  const text = readText(cursor)
  if (text === undefined) return undefined
  const url = isGoUrl(text) && URL.canParse(text) ? new URL(text) : undefined
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  return cursor.failAtKey(
    `${cursor.name} must be an http or https URL such as http://host:3100/loki/api/v1/push, found ${cursor.describe()}`,
  )
}

const readProxyUrl: ValueReader<URL> = cursor =>
  cursor.scalarText === '' ? undefined : readUrl(cursor)

/** Returns the proxy of a client, or `environment` if the environment names it. */
function readProxy(
  cursor: YamlCursor,
  raw: {
    readonly proxy_url?: URL
    readonly no_proxy?: string
    readonly proxy_from_environment?: boolean
  },
): ProxyConfig | 'environment' | undefined {
  if (raw.proxy_from_environment) {
    if (!raw.proxy_url && raw.no_proxy === undefined) return 'environment'
    return cursor
      .get('proxy_from_environment')
      ?.failAtKey('proxy_from_environment excludes proxy_url and no_proxy: choose one')
  }
  if (!raw.proxy_url) {
    if (!raw.no_proxy) return undefined
    return cursor.get('no_proxy')?.failAtKey('no_proxy needs a proxy_url')
  }
  const { href } = raw.proxy_url
  return { HTTP_PROXY: href, HTTPS_PROXY: href, NO_PROXY: raw.no_proxy ?? '' }
}

const clientFields = {
  name: readText,
  url: readUrl,
  tenant_id: readText,
  batchwait: readDurationMs,
  batchsize: readCount,
  headers: readTextMap,
  http_headers: readHttpHeaders,
  external_labels: readLabels,
  timeout: readDurationMs,
  backoff_config: readBackoff,
  drop_rate_limited_batches: readBoolean,
  ...httpClientFields,
  oauth2: readOauth,
  proxy_url: readProxyUrl,
  proxy_from_environment: readBoolean,
  no_proxy: readText,
  proxy_connect_header: refuse('put the credentials of the proxy into proxy_url'),
  stream_lag_labels: readAnything,
}

/** Keys of an entry of `clients`, as written in the file. */
export const clientKeys: readonly string[] = Object.keys(clientFields)

function readClient(cursor: YamlCursor): ClientConfig | undefined {
  const raw = cursor.record(clientFields)
  if (!raw.url) {
    const url = cursor.get('url')
    if (!url || url.isNull) cursor.fail('A client needs a url to push to')
    return undefined
  }
  const authorization = readOneAuthorization(cursor, raw) ?? raw.oauth2
  return createClientConfig({
    ...{ url: raw.url, name: raw.name, place: { line: cursor.line, column: 1 } },
    ...{ tenantId: raw.tenant_id, batchWaitMs: raw.batchwait, batchBytesMax: raw.batchsize },
    ...{ externalLabels: raw.external_labels, backoff: raw.backoff_config },
    ...{ timeoutMs: raw.timeout, followsRedirects: raw.follow_redirects, tls: raw.tls_config },
    ...{ dropsRateLimited: raw.drop_rate_limited_batches, authorization },
    proxy: readProxy(cursor, raw),
    headers: new Map([...asSecrets(raw.headers), ...(raw.http_headers ?? [])]),
  })
}

function asSecrets(headers: ReadonlyMap<string, string> = new Map()): [string, Secret][] {
  return [...headers].map(([name, text]) => [name, { text }])
}

type Maybe<T> = { readonly [K in keyof T]?: T[K] | undefined }

/** Builds a client's configuration from the given values, with defaults for the rest. */
export function createClientConfig(
  given: { readonly url: URL } & Maybe<{
    name: string
    place: ClientConfig['place']
    tenantId: string
    batchWaitMs: number
    batchBytesMax: number
    externalLabels: ReadonlyMap<string, string>
    backoff: BackoffConfig
    timeoutMs: number
    followsRedirects: boolean
    tls: ClientTls
    dropsRateLimited: boolean
    authorization: ClientAuthorization
    headers: ReadonlyMap<string, Secret>
    proxy: ProxyConfig | 'environment'
  }>,
): ClientConfig {
  const { url, authorization, tls, externalLabels = new Map(), headers = new Map() } = given
  const takesProxyOfEnvironment = given.proxy === 'environment'
  const proxy = given.proxy === 'environment' ? undefined : given.proxy
  const place = given.place ?? { line: 0, column: 0 }
  const rest = {
    name: given.name,
    tenantId: given.tenantId ?? '',
    batchWaitMs: given.batchWaitMs ?? clientDefaults.batchWaitMs,
    batchBytesMax: given.batchBytesMax || clientDefaults.batchBytesMax,
    backoff: given.backoff ?? clientDefaults.backoff,
    dropsRateLimited: given.dropsRateLimited ?? false,
  }
  const transport = {
    ...{ url, headers },
    timeoutMs: given.timeoutMs ?? clientDefaults.timeoutMs,
    followsRedirects: given.followsRedirects ?? true,
    ...(authorization && { authorization }),
    ...(tls && { tls }),
    ...(proxy && { proxy }),
  }
  const identity = JSON.stringify([rest, url.href, transport, [...externalLabels], [...headers]])
  return { ...rest, identity, transport, externalLabels, place, takesProxyOfEnvironment }
}
