// clients: where to push to and how.

import type { BackoffConfig } from '../push/backoff.ts'
import type { ClientAuthorization, ClientTls, TransportConfig } from '../push/client.ts'
import { httpClientFields, readOneAuthorization } from './http-client.ts'
import {
  readAnything,
  readBoolean,
  readCount,
  readDurationMs,
  readLabels,
  readText,
  readTextMap,
  refuse,
} from './readers.ts'
import type { ValueReader, YamlCursor } from './yaml-cursor.ts'

/** One server to push to. */
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
  /** Where it stands in the file. */
  readonly place: { readonly line: number; readonly column: number }
}

/** Version that the agent names to the servers. */
export const agentVersion = '0.1.0'

export const clientDefaults = {
  batchWaitMs: 1000,
  batchBytesMax: 1_048_576,
  timeoutMs: 10_000,
  // Without end, unlike Promtail's 10: a batch is only given up where the file says so.
  backoff: { minMs: 500, maxMs: 300_000, attemptsMax: 0 },
} as const

/** Reads `clients` (a list) or the older `client` (one). */
export function readClients(cursor: YamlCursor, form: 'one' | 'list'): ClientConfig[] {
  const items = form === 'one' ? [cursor] : cursor.items()
  return items.map(readClient).filter(client => client !== undefined)
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

const readHttpHeaders: ValueReader<Map<string, string>> = cursor => {
  const headers = new Map<string, string>()
  for (const { key, value } of cursor.pairs()) {
    const raw = value.record({
      values: listText,
      secrets: listText,
      files: refuse('give the values in the configuration'),
    })
    headers.set(key, [...(raw.values ?? []), ...(raw.secrets ?? [])].join(', '))
  }
  return headers
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
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  return cursor.failAtKey(
    `url ${JSON.stringify(text)} is not an http or https URL such as http://host:3100/loki/api/v1/push`,
  )
}

function readClient(cursor: YamlCursor): ClientConfig | undefined {
  const raw = cursor.record({
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
    stream_lag_labels: readAnything,
  })
  if (!raw.url) {
    const url = cursor.get('url')
    if (!url || url.isNull) cursor.fail('A client needs a url to push to')
    return undefined
  }
  const authorization = readOneAuthorization(cursor, raw)
  return createClientConfig({
    ...{ url: raw.url, name: raw.name, place: { line: cursor.line, column: 1 } },
    ...{ tenantId: raw.tenant_id, batchWaitMs: raw.batchwait, batchBytesMax: raw.batchsize },
    ...{ externalLabels: raw.external_labels, backoff: raw.backoff_config },
    ...{ timeoutMs: raw.timeout, followsRedirects: raw.follow_redirects, tls: raw.tls_config },
    ...{ dropsRateLimited: raw.drop_rate_limited_batches, authorization },
    headers: new Map([...(raw.headers ?? []), ...(raw.http_headers ?? [])]),
  })
}

type Maybe<T> = { readonly [K in keyof T]?: T[K] | undefined }

/** Makes a client's configuration of what is given, with defaults for the rest. */
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
    headers: ReadonlyMap<string, string>
  }>,
): ClientConfig {
  const { url, authorization, tls, externalLabels = new Map(), headers = new Map() } = given
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
    ...{ url, headers, userAgent: `skald-agent/${agentVersion}` },
    timeoutMs: given.timeoutMs ?? clientDefaults.timeoutMs,
    followsRedirects: given.followsRedirects ?? true,
    ...(authorization && { authorization }),
    ...(tls && { tls }),
  }
  const identity = JSON.stringify([rest, url.href, transport, [...externalLabels], [...headers]])
  return { ...rest, identity, transport, externalLabels, place }
}
