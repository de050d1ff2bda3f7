// From a decoded push to a durable one: labels resolved, entries checked, the rest committed.

import type { PushStream } from '@skald/wire'
import { PushRejectedError } from '../errors.ts'
import type { TenantLimits } from '../limits.ts'
import type { StoreMetrics } from '../metrics.ts'
import type { AcceptedStream } from './accepted-stream.ts'
import type { Committer } from './committer.ts'
import { StreamLabelsResolver } from './stream-labels.ts'
import { acceptedTimes, Refusals, validateStream } from './validate.ts'

export interface IngesterOptions {
  readonly limits: TenantLimits
  readonly committer: Committer
  readonly metrics: StoreMetrics
  readonly clock: { now(): number }
}

/** Takes in pushes. */
export class Ingester {
  readonly #options: IngesterOptions
  readonly #resolver: StreamLabelsResolver

  constructor(options: IngesterOptions) {
    this.#options = options
    this.#resolver = new StreamLabelsResolver(options.limits)
  }

  /**
   * Stores what may be stored of a push; settles when it is durable.
   *
   * @throws PushRejectedError 422 without streams; 400 when a label set cannot be read (nothing is
   * stored then) or when entries were refused (the others are stored).
   * @throws StorageUnavailableError when nothing can be stored.
   */
  async push(tenant: string, streams: readonly PushStream[]): Promise<void> {
    const { limits, committer, metrics, clock } = this.#options
    if (streams.length === 0) {
      throw new PushRejectedError('error at least one valid stream is required for ingestion', {
        status: 422,
      })
    }
    const refusals = new Refusals()
    const times = acceptedTimes(limits, BigInt(clock.now()) * 1_000_000n)
    const context = { limits, times, refusals }
    const accepted: AcceptedStream[] = []
    let lineCount = 0
    let lineBytes = 0
    for (const source of streams) {
      if (source.entryCount === 0) continue
      const resolved = this.#resolver.resolve(source.labelsText)
      if (resolved.kind === 'malformed') {
        metrics.discardedEntries.inc({ reason: 'invalid_labels', tenant }, source.entryCount)
        throw new PushRejectedError(resolved.message, { status: 400 })
      }
      lineCount += source.entryCount
      lineBytes += sumOf(source.lineLengths, source.entryCount)
      const stream = validateStream(source, resolved, context)
      if (stream) accepted.push(stream)
    }
    metrics.linesReceived.inc({ tenant }, lineCount)
    metrics.bytesReceived.inc({ tenant }, lineBytes)
    for (const [reason, { entries, bytes }] of refusals.discarded) {
      metrics.discardedEntries.inc({ reason, tenant }, entries)
      metrics.discardedBytes.inc({ reason, tenant }, bytes)
    }
    if (accepted.length > 0) await committer.add(tenant, accepted, lineBytes)
    if (!refusals.isEmpty) throw new PushRejectedError(refusals.format(), { status: 400 })
  }
}

function sumOf(lengths: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += lengths[i]!
  return sum
}
