// Resolves the bucket of a configuration: merges the blocks that describe it, and reports what is missing
// or contradicts itself. Messages never contain values, because these may be secrets.

import { parseWrittenDuration } from '@skald/config-reading'
import { nsPerMs, parseConfigBytes } from '@skald/go-dialect'
import type { BucketConfig, BucketCredentials, BucketEncryption } from './bucket-config.ts'
import type { RawAwsBucket, RawThanosBucket } from './bucket-schema.ts'
import type { RawStoreConfig } from './config-schema.ts'
import { bucketConnectionsMax, bucketIdleMs } from './limits.ts'
import type { BucketForm } from './settings/bucket-in-use.ts'

/** Reports a mistake in a key of the block that describes the bucket. */
type Report = (key: string, message: string) => void

/** What both forms say about a bucket, apart from how it is written. */
type Described = Omit<BucketConfig, 'prefix' | 'cacheMaxBytes' | 'deleteDelayMs'>

/** Returns the bucket that a configuration describes in a form. */
export function resolveBucket(
  config: RawStoreConfig,
  form: BucketForm,
  report: Report,
): BucketConfig {
  const { common, storage_config: storage, compactor, skald } = config
  const described =
    form === 'aws'
      ? readAws(merged<RawAwsBucket>(common.storage.s3, storage.aws), report)
      : readThanos(
          merged<RawThanosBucket>(common.storage.object_store?.s3, storage.object_store?.s3),
          report,
        )
  const prefix =
    form === 'aws'
      ? storage.object_prefix
      : (storage.object_store?.storage_prefix ?? common.storage.object_store?.storage_prefix)
  const cache = skald.cache_max_bytes
  return {
    ...described,
    prefix: prefixOf(prefix ?? ''),
    cacheMaxBytes: cache === null ? undefined : parseConfigBytes(String(cache)),
    deleteDelayMs: milliseconds(compactor.retention_delete_delay) ?? 0,
  }
}

/** Objects of Loki may be in the same bucket, so ours have a place of their own. */
function prefixOf(written: string): string {
  const path = written.replace(/^\/+|\/+$/g, '')
  return path === '' ? 'skald/' : `${path}/skald/`
}

/** Merges two blocks key by key. The second wins. */
function merged<Block extends object>(
  first: Block | null | undefined,
  second: Block | null | undefined,
): Block {
  const result: Record<string, unknown> = { ...first }
  for (const [key, value] of Object.entries(second ?? {})) {
    const before = result[key]
    const isMap = typeof value === 'object' && value !== null && typeof before === 'object'
    if (value !== '') result[key] = isMap ? { ...before, ...value } : value
  }
  return result as Block
}

function readAws(raw: RawAwsBucket, report: Report): Described {
  const url = readUrl(raw.s3, report)
  const bucket = firstName(raw.bucketnames) || url?.bucket || ''
  if (bucket === '' && raw.s3 === undefined) {
    report('bucketnames', 'no bucket is named: write bucketnames, or the URL s3')
  } else if (bucket === '') report('s3', 'the URL names no bucket: write s3://region/bucket')
  const isInsecure = raw.insecure ?? false
  const endpoint = raw.endpoint ? endpointUrl(raw.endpoint, isInsecure) : url?.endpoint
  if (endpoint === null) report('endpoint', 'must be a host with or without a port, or a URL')
  const http = raw.http_config ?? {}
  const backoff = raw.backoff_config ?? {}
  return {
    bucket,
    ...placeOf(endpoint, raw.region || url?.region),
    credentials: credentialsOf(raw, report) ?? url?.credentials,
    isPathStyle: raw.s3forcepathstyle ?? false,
    isDualstack: !(raw.disable_dualstack ?? false),
    storageClass: storageClassOf(raw.storage_class),
    encryption: encryptionOf(raw.sse, report),
    http: {
      answerTimeoutMs:
        milliseconds(http.response_header_timeout) || milliseconds(http.timeout) || 0,
      idleTimeoutMs: milliseconds(http.idle_conn_timeout) ?? bucketIdleMs,
      connectionsMax: bucketConnectionsMax,
      isUnverified: http.insecure_skip_verify ?? false,
      caFile: http.ca_file ?? '',
      certFile: '',
      keyFile: '',
      serverName: '',
    },
    backoff: {
      retriesMax: backoff.max_retries ?? 5,
      minMs: milliseconds(backoff.min_period) ?? 100,
      maxMs: milliseconds(backoff.max_period) ?? 3000,
    },
  }
}

function readThanos(raw: RawThanosBucket, report: Report): Described {
  const bucket = raw.bucket_name ?? ''
  if (bucket === '') report('bucket_name', 'no bucket is named')
  const endpoint = raw.endpoint ? endpointUrl(raw.endpoint, raw.insecure ?? false) : undefined
  if (endpoint === null) report('endpoint', 'must be a host with or without a port, or a URL')
  const lookup = raw.bucket_lookup_type || 'auto'
  if (!['auto', 'path', 'virtual-hosted'].includes(lookup))
    report('bucket_lookup_type', 'must be auto, path or virtual-hosted')
  const http = raw.http ?? {}
  const place = placeOf(endpoint, raw.region)
  return {
    bucket,
    ...place,
    credentials: credentialsOf(raw, report),
    isPathStyle: lookup === 'path' || (lookup === 'auto' && place.endpoint !== undefined),
    isDualstack: raw.dualstack_enabled ?? true,
    storageClass: storageClassOf(raw.storage_class),
    encryption: encryptionOf(raw.sse, report),
    http: {
      answerTimeoutMs: milliseconds(http.response_header_timeout) ?? 0,
      idleTimeoutMs: milliseconds(http.idle_conn_timeout) ?? bucketIdleMs,
      connectionsMax: http.max_connections_per_host || bucketConnectionsMax,
      isUnverified: http.insecure_skip_verify ?? false,
      caFile: http.tls_ca_path ?? '',
      certFile: http.tls_cert_path ?? '',
      keyFile: http.tls_key_path ?? '',
      serverName: http.tls_server_name ?? '',
    },
    backoff: { retriesMax: raw.max_retries ?? 10, minMs: 100, maxMs: 3000 },
  }
}

interface UrlParts {
  readonly bucket: string
  readonly region: string | undefined
  readonly endpoint: string | undefined
  readonly credentials: BucketCredentials | undefined
}

/**
 * Reads the URL form. As in Loki, a host with a dot is an endpoint, over HTTP unless the scheme is https, and
 * any other host is a region.
 */
function readUrl(written: unknown, report: Report): UrlParts | undefined {
  if (written === undefined || written === null || written === '') return undefined
  const url = typeof written === 'string' ? URL.parse(written) : null
  if (!url || !['s3:', 'http:', 'https:'].includes(url.protocol)) {
    report('s3', 'must be a URL such as s3://region/bucket')
    return undefined
  }
  const { username, password, host, hostname, protocol, pathname } = url
  const isEndpoint = hostname.includes('.')
  const credentials =
    username || password
      ? {
          accessKeyId: decodeURIComponent(username),
          secretAccessKey: decodeURIComponent(password),
        }
      : undefined
  return {
    bucket: pathname.replace(/^\/+|\/+$/g, ''),
    region: isEndpoint ? undefined : hostname,
    endpoint: isEndpoint ? `${protocol === 'https:' ? 'https' : 'http'}://${host}` : undefined,
    credentials,
  }
}

function firstName(names = ''): string {
  return names.split(',')[0]!.trim()
}

/** Returns an endpoint as a URL, or null if it is none. A scheme in it wins. */
function endpointUrl(written: string, isInsecure: boolean): string | null {
  const hasScheme = /^https?:\/\//.test(written)
  const text = hasScheme ? written : `${isInsecure ? 'http' : 'https'}://${written}`
  const url = URL.parse(text)
  if (!url || url.hostname === '' || url.username !== '' || url.search !== '') return null
  return text.replace(/\/+$/, '')
}

/**
 * Returns the endpoint and the region. The usual addresses of AWS are no endpoint, because the SDK derives
 * them from the region. Servers other than AWS take any region, but the SDK needs one.
 */
function placeOf(endpoint: string | null | undefined, region: string | undefined) {
  const aws = /^https?:\/\/s3(?:[.-](?:dualstack\.)?([a-z0-9-]+))?\.amazonaws\.com(?:\.cn)?$/
  const found = aws.exec(endpoint ?? '')
  if (found) return { endpoint: undefined, region: region || found[1] || 'us-east-1' }
  if (!endpoint) return { endpoint: undefined, region: region || undefined }
  return { endpoint, region: region || 'us-east-1' }
}

function credentialsOf(
  raw: Pick<RawAwsBucket, 'access_key_id' | 'secret_access_key' | 'session_token'>,
  report: Report,
): BucketCredentials | undefined {
  const texts: Record<string, string> = {}
  for (const key of ['access_key_id', 'secret_access_key', 'session_token'] as const) {
    const value = raw[key]
    if (typeof value === 'object' && value !== null) report(key, 'must be a text')
    texts[key] = value === undefined || value === null ? '' : String(value)
  }
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = texts
  if (!accessKeyId && !secretAccessKey) return undefined
  if (!accessKeyId) report('secret_access_key', 'access_key_id is missing')
  if (!secretAccessKey) report('access_key_id', 'secret_access_key is missing')
  return {
    accessKeyId: accessKeyId!,
    secretAccessKey: secretAccessKey!,
    ...(texts.session_token && { sessionToken: texts.session_token }),
  }
}

function storageClassOf(written: string | undefined): string | undefined {
  return written && written !== 'STANDARD' ? written : undefined
}

function encryptionOf(
  raw: RawAwsBucket['sse'] | undefined,
  report: Report,
): BucketEncryption | undefined {
  if (!raw?.type) return undefined
  const { type, kms_key_id: keyId = '', kms_encryption_context: context = '' } = raw
  if (type === 'SSE-S3') return { kind: 's3' }
  if (type !== 'SSE-KMS') {
    report('sse', 'the type must be SSE-S3 or SSE-KMS')
    return undefined
  }
  if (keyId === '') report('sse', 'SSE-KMS needs kms_key_id')
  if (context !== '' && !isJson(context)) report('sse', 'kms_encryption_context must be JSON')
  return { kind: 'kms', keyId, context }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function milliseconds(duration: string | number | undefined): number | undefined {
  return duration === undefined ? undefined : Number(parseWrittenDuration(duration) / nsPerMs)
}

/** What /config shows in the place of a secret, as Loki does. */
export const hiddenSecret = '********'

/** Returns the bucket as `storage_config.aws` would describe it, without secrets. */
export function shownBucket(config: BucketConfig): object {
  const { endpoint, region, credentials, encryption, storageClass, http, backoff } = config
  return {
    bucketnames: config.bucket,
    ...(endpoint && { endpoint }),
    ...(region && { region }),
    ...(credentials && { access_key_id: hiddenSecret, secret_access_key: hiddenSecret }),
    s3forcepathstyle: config.isPathStyle,
    disable_dualstack: !config.isDualstack,
    storage_class: storageClass ?? 'STANDARD',
    ...(encryption && { sse: { type: encryption.kind === 's3' ? 'SSE-S3' : 'SSE-KMS' } }),
    http_config: {
      response_header_timeout: `${http.answerTimeoutMs}ms`,
      idle_conn_timeout: `${http.idleTimeoutMs}ms`,
      insecure_skip_verify: http.isUnverified,
      ca_file: http.caFile,
    },
    backoff_config: {
      min_period: `${backoff.minMs}ms`,
      max_period: `${backoff.maxMs}ms`,
      max_retries: backoff.retriesMax,
    },
  }
}
