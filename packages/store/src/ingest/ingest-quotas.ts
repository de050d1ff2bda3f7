// Enforces how much a tenant may push per second and how many streams it may have. Tracks nothing
// for tenants without these limits.

import { formatGoTime, nsPerSecond } from '@skald/go-dialect'
import { type Rate, TokenBucket } from '@skald/wire'
import { PushRejectedError } from '../errors.ts'
import { activeStreamMs, defaultRates, rateStreamsMax, toldEntriesMax } from '../limits.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import type { AcceptedStream } from './accepted-stream.ts'

/** Layout of Go's time.String. */
const goTimeLayout = '2006-01-02 15:04:05.999999999 -0700 MST'

export interface IngestQuotasOptions {
  /**
   * Whether Loki's default rates apply to tenants that set none. If false, those tenants have no
   * rate limit.
   */
  readonly hasDefaultRates: boolean
  /** Number of stores that share the rates of tenants; 1 if absent. */
  readonly replicas?: (() => number) | undefined
  readonly clock: { now(): number }
}

/** Rejected entries of a stream, and the message for the client. */
export interface QuotaRefusal {
  readonly reason: 'stream_limit' | 'per_stream_rate_limit'
  readonly message: string
  readonly labelsText: string
  readonly entries: number
  readonly bytes: number
}

/** The same, with the entries themselves. */
export interface RefusedOfStream extends QuotaRefusal {
  readonly stream: AcceptedStream
  /** Rows of its `source`. */
  readonly rows: readonly number[]
}

/** Size of a push after validation. */
export interface PushSize {
  readonly lines: number
  /** Bytes of lines and structured metadata. */
  readonly bytes: number
}

/** Tracks rates and streams of all tenants. */
export class IngestQuotas {
  readonly #options: IngestQuotasOptions
  readonly #tenantBuckets = new Map<string, TokenBucket>()
  /** Tenant and label text → bucket, least recently used first. Full ones are as good as new, so they go. */
  readonly #streamBuckets = new Map<string, StreamBucket>()
  /** Tenant → label text → time of the newest push, least recently used first. */
  readonly #activeStreams = new Map<string, Map<string, number>>()

  constructor(options: IngestQuotasOptions) {
    this.#options = options
  }

  /** Number of streams that pushed so much lately that they may not push their whole burst. */
  get trackedStreams(): number {
    return this.#streamBuckets.size
  }

  /** Returns true if a tenant has a rate limit. */
  hasTenantRate(limits: TenantLimits): boolean {
    return this.#tenantRate(limits) !== undefined
  }

  /** @throws PushRejectedError 429 when a tenant exceeds its rate; nothing is stored then. */
  checkTenant(tenant: string, limits: TenantLimits, { lines, bytes }: PushSize): void {
    const rate = this.#tenantRate(limits)
    if (!rate) return
    const nowMs = this.#options.clock.now()
    const bucket = this.#tenantBuckets.get(tenant) ?? new TokenBucket(rate)
    this.#tenantBuckets.set(tenant, bucket)
    if (bucket.take(bytes, rate, nowMs)) return
    throw new PushRejectedError(
      `Ingestion rate limit exceeded for user ${tenant} (limit: ${Math.floor(rate.perSecond)} bytes/sec) while attempting to ingest '${lines}' lines totaling '${bytes}' bytes, reduce log volume or contact your Loki administrator to see if the limit can be increased`,
      {
        code: 'PUSH_RATE_LIMITED',
        retryAfterSeconds: wholeSeconds(bucket.msUntil(bytes, rate, nowMs)),
      },
    )
  }

  /** Separates the entries to store from those that exceed the limits of single streams. */
  admit(
    tenant: string,
    limits: TenantLimits,
    streams: readonly AcceptedStream[],
  ): {
    readonly admitted: readonly AcceptedStream[]
    readonly refused: readonly RefusedOfStream[]
  } {
    const rate = this.#streamRate(limits)
    if (!rate && limits.maxStreams === 0) return { admitted: streams, refused: [] }
    const admitted: AcceptedStream[] = []
    const refused: RefusedOfStream[] = []
    for (const stream of streams) {
      if (limits.maxStreams > 0 && !this.#isActive(tenant, stream.labelsText, limits.maxStreams)) {
        refused.push(refuseNewStream(tenant, stream))
        continue
      }
      const rest = rate ? this.#limitRate(tenant, stream, { rate, refused }) : stream
      if (rest) admitted.push(rest)
    }
    return { admitted, refused }
  }

  /**
   * Takes note that streams were pushed to another replica, and counts them as active.
   * Does nothing for a tenant without a limit of streams.
   */
  noteElsewhere(tenant: string, { maxStreams }: TenantLimits, labelsTexts: Iterable<string>): void {
    if (maxStreams === 0) return
    const nowMs = this.#options.clock.now()
    const active = this.#activeOf(tenant, nowMs)
    for (const labelsText of labelsTexts) {
      active.delete(labelsText)
      active.set(labelsText, nowMs)
    }
  }

  /** A burst is what one push may bring, so it is not divided. Loki's strategy `global` is the same. */
  #tenantRate(limits: TenantLimits): Rate | undefined {
    const { tenantBytes, tenantBurstBytes: burst } = defaultRates
    const { ingestionRateBytes: perSecond, ingestionBurstBytes, ingestionRateStrategy } = limits
    const rate = this.#rate(
      { perSecond, burst: ingestionBurstBytes },
      { perSecond: tenantBytes, burst },
    )
    const shares = ingestionRateStrategy === 'global' ? (this.#options.replicas?.() ?? 1) : 1
    return rate && shares > 1 ? { ...rate, perSecond: rate.perSecond / shares } : rate
  }

  #streamRate({ streamRateBytes, streamBurstBytes }: TenantLimits): Rate | undefined {
    const { streamBytes, streamBurstBytes: burst } = defaultRates
    const usual = { perSecond: streamBytes, burst }
    return this.#rate({ perSecond: streamRateBytes, burst: streamBurstBytes }, usual)
  }

  /** Returns the configured rate, or the default. Returns none for 0, or if nothing is configured and there are no tenants. */
  #rate(
    configured: { readonly [K in keyof Rate]: number | undefined },
    usual: Rate,
  ): Rate | undefined {
    const { hasDefaultRates } = this.#options
    const perSecond = configured.perSecond ?? (hasDefaultRates ? usual.perSecond : 0)
    return perSecond > 0 ? { perSecond, burst: configured.burst ?? usual.burst } : undefined
  }

  /** Returns true if a stream is active or may become active, and records its use. */
  #isActive(tenant: string, labelsText: string, streamsMax: number): boolean {
    const nowMs = this.#options.clock.now()
    const active = this.#activeOf(tenant, nowMs)
    if (!active.delete(labelsText) && active.size >= streamsMax) return false
    active.set(labelsText, nowMs)
    return true
  }

  /** Returns the active streams of a tenant, without those that no longer are. */
  #activeOf(tenant: string, nowMs: number): Map<string, number> {
    const active = this.#activeStreams.get(tenant) ?? new Map<string, number>()
    this.#activeStreams.set(tenant, active)
    for (const [oldest, usedMs] of active) {
      if (nowMs - usedMs < activeStreamMs) break
      active.delete(oldest)
    }
    return active
  }

  #limitRate(
    tenant: string,
    stream: AcceptedStream,
    { rate, refused }: { readonly rate: Rate; readonly refused: RefusedOfStream[] },
  ): AcceptedStream | undefined {
    const nowMs = this.#options.clock.now()
    const key = `${tenant}\0${stream.labelsText}`
    const bucket = this.#streamBuckets.get(key)?.bucket ?? new TokenBucket(rate)
    const rest = takeRows(bucket, stream, { rate, nowMs })
    const fullMs = nowMs + bucket.msUntil(rate.burst, rate, nowMs)
    this.#streamBuckets.delete(key)
    this.#streamBuckets.set(key, { bucket, fullMs })
    this.#dropBuckets(nowMs)
    if (!rest) return stream
    refused.push(refuseRows(tenant, stream, { left: rest.left, rate }))
    return rest.kept.length > 0 ? { ...stream, rows: Uint32Array.from(rest.kept) } : undefined
  }

  #dropBuckets(nowMs: number): void {
    for (const [oldest, { fullMs }] of this.#streamBuckets) {
      if (fullMs > nowMs && this.#streamBuckets.size <= rateStreamsMax) return
      this.#streamBuckets.delete(oldest)
    }
  }
}

/** The rate of one stream. */
interface StreamBucket {
  readonly bucket: TokenBucket
  /** When it will be full. */
  readonly fullMs: number
}

/** Takes the bytes of a stream. Returns nothing if all of its rows fit, as nearly always. */
function takeRows(
  bucket: TokenBucket,
  stream: AcceptedStream,
  { rate, nowMs }: { readonly rate: Rate; readonly nowMs: number },
): { readonly kept: readonly number[]; readonly left: readonly number[] } | undefined {
  if (bucket.take(acceptedLineBytes(stream), rate, nowMs)) return undefined
  const kept: number[] = []
  const left: number[] = []
  forEachRow(stream, row => {
    const isLetIn = bucket.take(stream.lengths[row]!, rate, nowMs)
    if (isLetIn) kept.push(row)
    else left.push(row)
  })
  return left.length > 0 ? { kept, left } : undefined
}

function forEachRow({ rows, source }: AcceptedStream, visit: (row: number) => void): void {
  const count = rows ? rows.length : source.entryCount
  for (let i = 0; i < count; i++) visit(rows ? rows[i]! : i)
}

/** Returns the rows that passed validation. */
export function acceptedRows(stream: AcceptedStream): number[] {
  const rows: number[] = []
  forEachRow(stream, row => rows.push(row))
  return rows
}

/** Counts the rows that passed validation. */
export function acceptedRowCount({ rows, source }: AcceptedStream): number {
  return rows ? rows.length : source.entryCount
}

/** Counts the line bytes that passed validation. */
export function acceptedLineBytes({ rows, source, lengths }: AcceptedStream): number {
  let bytes = 0
  if (rows) for (let i = 0; i < rows.length; i++) bytes += lengths[rows[i]!]!
  else for (let row = 0; row < source.entryCount; row++) bytes += lengths[row]!
  return bytes
}

/** Counts the bytes of structured metadata that passed validation. */
export function acceptedMetadataBytes(stream: AcceptedStream): number {
  const { metadata } = stream
  if (!metadata) return 0
  let bytes = 0
  forEachRow(stream, row => {
    for (const { name, value } of metadata[row] ?? []) {
      bytes += Buffer.byteLength(name, 'utf8') + Buffer.byteLength(value, 'utf8')
    }
  })
  return bytes
}

function refuseNewStream(tenant: string, stream: AcceptedStream): RefusedOfStream {
  const { labelsText } = stream
  return {
    stream,
    rows: acceptedRows(stream),
    reason: 'stream_limit',
    message: `Maximum active stream limit exceeded when trying to create stream ${labelsText}, reduce the number of active streams (reduce labels or reduce label values), or contact your Loki administrator to see if the limit can be increased, user: '${tenant}'`,
    labelsText,
    entries: acceptedRowCount(stream),
    bytes: acceptedLineBytes(stream),
  }
}

function refuseRows(
  tenant: string,
  stream: AcceptedStream,
  { left, rate }: { readonly left: readonly number[]; readonly rate: Rate },
): RefusedOfStream {
  const { labelsText, source, lengths } = stream
  const lines = left.slice(0, toldEntriesMax).map(row => {
    const ns = BigInt(source.seconds[row]!) * nsPerSecond + BigInt(source.nanos[row]!)
    const why = `Per stream rate limit exceeded (limit: ${formatSize(rate.perSecond)}/sec) while attempting to ingest for stream '${labelsText}' totaling ${formatSize(lengths[row]!)}, consider splitting a stream via additional labels or contact your Loki administrator to see if the limit can be increased`
    return `entry with timestamp ${formatGoTime(goTimeLayout, ns)} ignored, reason: '${why}',`
  })
  lines.push(
    `user '${tenant}', total ignored: ${left.length} out of ${acceptedRowCount(stream)} for stream: ${labelsText}`,
  )
  return {
    stream,
    rows: left,
    reason: 'per_stream_rate_limit',
    message: lines.join('\n'),
    labelsText,
    entries: left.length,
    bytes: left.reduce((sum, row) => sum + lengths[row]!, 0),
  }
}

/** Formats a size in the largest unit that divides it: `3MB`, `1536KB`, `15B`. */
function formatSize(bytes: number): string {
  let size = bytes
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  while (size > 0 && size % 1024 === 0 && units.length > 1) {
    size /= 1024
    units.shift()
  }
  return `${size}${units[0]}`
}

/** Returns a wait in whole seconds, at least one, for a Retry-After header. */
function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}
