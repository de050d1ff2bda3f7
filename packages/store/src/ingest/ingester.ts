// Turns a decoded push into a durable one: resolves labels, checks entries, commits the rest.

import { formatRfc3339, nsPerMs } from '@skald/go-dialect'
import type { PushStream } from '@skald/wire'
import { PushBlockedError, PushRejectedError } from '../errors.ts'
import { notedTenantsMax } from '../limits.ts'
import type { StoreMetrics } from '../metrics.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import type { AcceptedStream } from './accepted-stream.ts'
import type { CardinalityGuard, NoteContext, PushClient } from './cardinality-guard.ts'
import type { Committer } from './committer.ts'
import { type AcceptedLabels, Demotion } from './demotion.ts'
import { spreadEqualTimes } from './equal-times.ts'
import {
  acceptedLineBytes,
  acceptedMetadataBytes,
  acceptedRowCount,
  acceptedRows,
  type IngestQuotas,
  type QuotaRefusal,
} from './ingest-quotas.ts'
import type { PushNotes } from './push-notes.ts'
import type { RefusalLog } from './refusal-log.ts'
import { StreamLabelsResolver } from './stream-labels.ts'
import { acceptedTimes, Refusals, type RefusedRows, validateStream } from './validate.ts'

export interface IngesterOptions {
  /** Returns the limits of a tenant: the same object as long as they do not change. */
  readonly limitsOf: (tenant: string) => TenantLimits
  readonly quotas: IngestQuotas
  readonly guard: CardinalityGuard
  readonly refusalLog: RefusalLog
  readonly committer: Committer
  readonly metrics: StoreMetrics
  readonly clock: { now(): number }
  /** Remembers who pushed. Absent where nobody asks. */
  readonly notes?: PushNotes
}

/** What comes with a push besides its streams. */
export interface PushContext {
  /** Who sent it. */
  readonly client?: PushClient
  readonly onCopied?: () => void
  /** Told of each entry that is refused, before `push` rejects. Blocked pushes are refused as a whole. */
  readonly onRefused?: (refused: RefusedRows) => void
}

/** Accepts pushes. */
export class Ingester {
  readonly #options: IngesterOptions
  /** Tenants with the same limits share a resolver and its cache of label texts. */
  readonly #resolvers = new WeakMap<TenantLimits, StreamLabelsResolver>()
  readonly #demotion = new Demotion()
  /** Tenant → streams whose labels were counted, as long as the resolver remembers them. */
  readonly #noted = new Map<string, WeakSet<AcceptedLabels>>()

  constructor(options: IngesterOptions) {
    this.#options = options
  }

  /**
   * Stores the acceptable part of a push. Resolves once it is durable.
   *
   * @param push.onCopied Called when the memory of the streams is not needed any more, which may be earlier. Not
   *   called for a push of which nothing is stored.
   * @throws PushRejectedError
   * - 422 without streams
   * - 400 when a label set cannot be parsed (nothing is stored) or some entries are rejected (the
   *   others are stored)
   * - 429 when the tenant pushes too much (nothing is stored) or some of its streams do (the others
   *   are stored)
   * - the configured status when ingestion is blocked
   * @throws StorageUnavailableError when nothing can be stored.
   */
  async push(
    tenant: string,
    streams: readonly PushStream[],
    { client, onCopied, onRefused }: PushContext = {},
  ): Promise<void> {
    const { limitsOf, quotas, committer } = this.#options
    if (streams.length === 0) {
      throw new PushRejectedError('error at least one valid stream is required for ingestion', {
        code: 'PUSH_EMPTY',
      })
    }
    const limits = limitsOf(tenant)
    const { accepted, refusals, lineBytes, metadataBytes } = this.#validate({
      ...{ tenant, limits, client, onRefused },
      streams,
    })
    if (this.#isBlocked(tenant, limits, accepted)) return
    if (limits.incrementDuplicateTimes) for (const stream of accepted) spreadEqualTimes(stream)
    this.#checkRate(tenant, limits, { accepted, metadataBytes, onRefused })
    const { admitted, refused } = quotas.admit(tenant, limits, accepted)
    for (const refusal of refused) {
      const { stream, rows, message } = refusal
      this.#discard(tenant, refusal)
      onRefused?.({ source: stream.source, rows, isLimited: true, message })
    }
    if (admitted.length > 0) {
      // Before the columns are given back.
      const lines = admitted.reduce((sum, stream) => sum + acceptedRowCount(stream), 0)
      await committer.add(tenant, admitted, lineBytes, onCopied)
      if (client) this.#options.notes?.note(tenant, client, { lines, bytes: lineBytes })
    }
    if (refused.length > 0) throw tooMuchOfStreams(refused)
    if (!refusals.isEmpty) throw new PushRejectedError(refusals.format(), { code: 'PUSH_INVALID' })
  }

  /** Takes note of streams that were pushed to another replica, so that they count towards the tenant's limit. */
  noteElsewhere(tenant: string, labelsTexts: Iterable<string>): void {
    const { limitsOf, quotas } = this.#options
    quotas.noteElsewhere(tenant, limitsOf(tenant), labelsTexts)
  }

  #validate({
    tenant,
    limits,
    client,
    streams,
    onRefused,
  }: NoteContext & {
    readonly tenant: string
    readonly streams: readonly PushStream[]
    readonly onRefused: PushContext['onRefused']
  }) {
    const { metrics, clock, guard } = this.#options
    const resolver = this.#resolverOf(limits)
    const refusals = new Refusals()
    const times = acceptedTimes(limits, BigInt(clock.now()) * nsPerMs)
    const context = { limits, times, refusals, onRefused }
    const accepted: AcceptedStream[] = []
    let lineCount = 0
    let lineBytes = 0
    for (const source of streams) {
      if (source.entryCount === 0) continue
      const resolved = resolver.resolve(source.labelsText)
      const bytes = sumOf(source.lineLengths, source.entryCount)
      if (resolved.kind === 'malformed') {
        this.#discard(tenant, {
          reason: 'invalid_labels',
          message: resolved.message,
          labelsText: source.labelsText,
          entries: source.entryCount,
          bytes,
        })
        throw new PushRejectedError(resolved.message, { code: 'PUSH_INVALID' })
      }
      lineCount += source.entryCount
      lineBytes += bytes
      if (resolved.kind === 'accepted' && resolved.missing.length > 0) {
        const message = `missing required labels ${resolved.missing.join(',')} for user ${tenant}`
        const { labelsText } = source
        const { entryCount: entries } = source
        refusals.addStream({
          reason: 'missing_enforced_labels',
          message,
          labelsText,
          entries,
          bytes,
        })
        const rows = Array.from({ length: entries }, (_, row) => row)
        onRefused?.({ source, rows, isLimited: false, message })
        continue
      }
      if (resolved.kind === 'accepted') this.#noteLabels(tenant, resolved, { limits, client })
      const kept =
        resolved.kind === 'accepted'
          ? this.#demotion.demote(resolved, guard.demotedOf(tenant, limits))
          : resolved
      const stream = validateStream(source, kept, context)
      if (stream) accepted.push(stream)
    }
    const metadataBytes = accepted.reduce((sum, stream) => sum + acceptedMetadataBytes(stream), 0)
    metrics.linesReceived.inc({ tenant }, lineCount)
    metrics.bytesReceived.inc({ tenant }, lineBytes + metadataBytes)
    for (const [reason, discarded] of refusals.discarded) {
      this.#discard(tenant, { reason, ...discarded })
    }
    for (const [reason, { entries, bytes }] of refusals.mutated) {
      metrics.mutatedEntries.inc({ reason, tenant }, entries)
      metrics.mutatedBytes.inc({ reason, tenant }, bytes)
    }
    return { accepted, refusals, lineBytes, metadataBytes }
  }

  /** Counts the labels of a stream, unless the tenant pushed to it lately. */
  #noteLabels(tenant: string, stream: AcceptedLabels, context: NoteContext): void {
    let noted = this.#noted.get(tenant)
    if (!noted) {
      if (this.#noted.size >= notedTenantsMax) this.#noted.clear()
      noted = new WeakSet()
      this.#noted.set(tenant, noted)
    }
    if (noted.has(stream)) return
    noted.add(stream)
    this.#options.guard.note(tenant, stream.labels, context)
  }

  /**
   * Returns true if a push must be dropped silently.
   * @throws PushRejectedError with the status configured for the block.
   */
  #isBlocked(
    tenant: string,
    { ingestionBlock }: TenantLimits,
    accepted: readonly AcceptedStream[],
  ): boolean {
    const { clock } = this.#options
    if (!ingestionBlock || accepted.length === 0) return false
    const { untilNs, status } = ingestionBlock
    if (BigInt(clock.now()) * nsPerMs >= untilNs) return false
    const until = formatRfc3339(untilNs)
    const message = `ingestion blocked for user ${tenant} until '${until}' with status code '${status}'`
    for (const stream of accepted) {
      this.#discard(tenant, {
        reason: 'blocked_ingestion',
        message,
        labelsText: stream.labelsText,
        entries: acceptedRowCount(stream),
        bytes: acceptedLineBytes(stream),
      })
    }
    if (status === 200) return true
    throw new PushBlockedError(message, status)
  }

  /** @throws PushRejectedError PUSH_RATE_LIMITED */
  #checkRate(
    tenant: string,
    limits: TenantLimits,
    push: {
      readonly accepted: readonly AcceptedStream[]
      readonly metadataBytes: number
      readonly onRefused: PushContext['onRefused']
    },
  ): void {
    const { accepted, metadataBytes, onRefused } = push
    const { quotas } = this.#options
    if (accepted.length === 0 || !quotas.hasTenantRate(limits)) return
    let lines = 0
    let lineBytes = 0
    for (const stream of accepted) {
      lines += acceptedRowCount(stream)
      lineBytes += acceptedLineBytes(stream)
    }
    try {
      quotas.checkTenant(tenant, limits, { lines, bytes: lineBytes + metadataBytes })
    } catch (error) {
      this.#discard(tenant, {
        reason: 'rate_limited',
        message: (error as Error).message,
        labelsText: accepted[0]!.labelsText,
        entries: lines,
        bytes: lineBytes,
      })
      const { message } = error as Error
      for (const stream of accepted) {
        onRefused?.({
          source: stream.source,
          rows: acceptedRows(stream),
          isLimited: true,
          message,
        })
      }
      throw error
    }
  }

  #resolverOf(limits: TenantLimits): StreamLabelsResolver {
    let resolver = this.#resolvers.get(limits)
    if (!resolver) {
      resolver = new StreamLabelsResolver(limits)
      this.#resolvers.set(limits, resolver)
    }
    return resolver
  }

  /** Counts entries that are not stored, and logs them. */
  #discard(tenant: string, refusal: Omit<QuotaRefusal, 'reason'> & { reason: string }): void {
    const { metrics, refusalLog } = this.#options
    const { reason, message, labelsText, entries, bytes } = refusal
    metrics.discardedEntries.inc({ reason, tenant }, entries)
    metrics.discardedBytes.inc({ reason, tenant }, bytes)
    refusalLog.add({ tenant, reason, stream: labelsText, message, entries, bytes })
  }
}

function tooMuchOfStreams(refused: readonly QuotaRefusal[]): PushRejectedError {
  const messages = refused.map(({ message }) => message)
  const text =
    messages.length === 1 ? messages[0]! : `${messages.length} errors: ${messages.join('; ')}`
  const isRate = refused.some(({ reason }) => reason === 'per_stream_rate_limit')
  return isRate
    ? new PushRejectedError(text, { code: 'PUSH_RATE_LIMITED', retryAfterSeconds: 1 })
    : new PushRejectedError(text, { code: 'PUSH_STREAM_LIMITED' })
}

function sumOf(lengths: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += lengths[i]!
  return sum
}
