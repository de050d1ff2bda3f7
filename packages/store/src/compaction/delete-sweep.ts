// Removes the entries of delete requests for good once they can no longer be cancelled. Picks the
// segments to rewrite, one after another, until none is left. A killed process continues with the
// segments that are left.
//
// While a tenant's requests are being processed, every merge leaves out their entries. So a segment
// whose name has a higher sequence than the batch no longer contains any of them.

import { setImmediate } from 'node:timers/promises'
import { parseLabelSet } from '@skald/wire'
import type { Logger } from 'pino'
import type { Catalog, SegmentInfo, TimeRange } from '../catalog/catalog.ts'
import type { DeleteRegistry } from '../deletes/delete-registry.ts'
import { DeletePlan, type DeleteRule, type StreamDeletes } from '../deletes/delete-rule.ts'
import { sweepStreamsAtOnce } from '../limits.ts'
import { parseSegmentName } from '../segment/name.ts'
import type { SegmentIndex } from '../segment-index.ts'
import type { Choice } from './choose.ts'
import { forgetLostStreams } from './lost-streams.ts'

export interface DeleteSweepOptions {
  readonly catalog: Catalog
  readonly segments: SegmentIndex
  readonly registry: DeleteRegistry
  readonly logger: Logger
  readonly clock: { now(): number }
  readonly nextSequence: () => number
  /** Returns a segment's number, as `DeleteRequest.sequence` means it. Absent: the one in its name. */
  readonly numberOf?: ((segment: string) => number) | undefined
  /** How long a request can be cancelled before its entries are removed. */
  readonly cancelPeriodMs: number
  /** Returns whether a tenant's entries may be removed, or only hidden. */
  readonly mayDelete: (tenant: string) => boolean
  /** Called after requests were processed. */
  readonly onProcessed?: (tenant: string, count: number) => void
}

/** The requests of a tenant that are processed together. */
interface Batch {
  readonly tenant: string
  readonly ids: readonly string[]
  readonly rules: readonly DeleteRule[]
  readonly sequence: number
  /** Segments known to hold none of the entries. */
  readonly clean: Set<string>
  /** Segments whose rewrite failed. They keep the batch open until the next start. */
  readonly stuck: Set<string>
  /** Largest number of segments left so far: 100 % for `percentOf`. */
  segmentCount: number
  leftCount: number
}

/** The next step: merge level 0, or rewrite a segment. */
export type SweepStep = 'level0' | Choice

/** Processes delete requests. Call it only while no merge is running. */
export class DeleteSweep {
  readonly #options: DeleteSweepOptions
  readonly #batches = new Map<string, Batch>()

  constructor(options: DeleteSweepOptions) {
    this.#options = options
    for (const tenant of options.registry.tenants) {
      const started = options.registry
        .pending(tenant)
        .filter(({ request }) => request.state === 'processing')
      const sequence = Math.max(...started.map(({ request }) => request.sequence))
      if (started.length > 0) this.#open(tenant, started, sequence)
    }
  }

  /** Forgets what it has begun, because another process has been at work meanwhile. It begins all of it again. */
  reset(): void {
    this.#batches.clear()
  }

  /**
   * Returns the rules that merges of a tenant apply: those of all requests that are being processed, by this
   * process or another.
   */
  rulesOf(tenant: string): readonly DeleteRule[] {
    const { registry, mayDelete } = this.#options
    if (!mayDelete(tenant)) return []
    const begun = registry.pending(tenant).filter(({ request }) => request.state === 'processing')
    return begun.map(({ rule }) => rule)
  }

  /** Returns how many percent of a request are done, or `undefined` if it has not begun. */
  percentOf(tenant: string, id: string): number | undefined {
    const batch = this.#batches.get(tenant)
    if (!batch?.ids.includes(id)) return undefined
    const { segmentCount, leftCount } = batch
    return segmentCount === 0 ? 0 : Math.floor((100 * (segmentCount - leftCount)) / segmentCount)
  }

  /** Stops processing a request. */
  cancel(tenant: string, id: string): void {
    const batch = this.#batches.get(tenant)
    if (!batch?.ids.includes(id)) return
    const ids = batch.ids.filter(other => other !== id)
    if (ids.length === 0) this.#batches.delete(tenant)
    else {
      this.#batches.set(tenant, {
        ...batch,
        ids,
        rules: batch.rules.filter(rule => rule.id !== id),
      })
    }
  }

  /** Records that a rewrite found nothing to remove. */
  keep({ inputs, outputs }: Choice): void {
    for (const { tenant } of outputs) {
      for (const name of inputs) this.#batches.get(tenant)?.clean.add(name)
    }
  }

  /** Records that a rewrite failed. Its entries stay hidden, and everything else continues. */
  giveUp({ inputs, outputs }: Choice): void {
    for (const { tenant } of outputs) {
      for (const name of inputs) this.#batches.get(tenant)?.stuck.add(name)
    }
  }

  /** Returns the next step. Marks requests as processed when nothing is left to remove. */
  async next(): Promise<SweepStep | undefined> {
    this.#leaveCancelled()
    await this.#begin()
    for (const batch of [...this.#batches.values()]) {
      if (!this.#options.mayDelete(batch.tenant)) continue
      const step = await this.#stepOf(batch)
      if (step) return step
      // The batch was cancelled or changed in the meantime, or segments are left.
      if (this.#batches.get(batch.tenant) !== batch || batch.leftCount > 0) continue
      await this.#finish(batch)
    }
    return undefined
  }

  /** Leaves out the requests that were cancelled elsewhere. */
  #leaveCancelled(): void {
    for (const { tenant, ids } of [...this.#batches.values()]) {
      const pending = new Set(this.#options.registry.pending(tenant).map(one => one.request.id))
      for (const id of ids) if (!pending.has(id)) this.cancel(tenant, id)
    }
  }

  /**
   * Starts a batch with the requests that can no longer be cancelled, for each tenant without a
   * running one.
   */
  async #begin(): Promise<void> {
    const { registry, clock, cancelPeriodMs, mayDelete, nextSequence } = this.#options
    for (const tenant of registry.tenants) {
      if (this.#batches.has(tenant) || !mayDelete(tenant)) continue
      const lastMs = clock.now() - cancelPeriodMs
      const due = registry.pending(tenant).filter(({ request }) => request.createdMs <= lastMs)
      if (due.length === 0) continue
      const ids = due.map(({ request }) => request.id)
      this.#open(tenant, due, await registry.begin(tenant, ids, nextSequence()))
    }
  }

  #open(
    tenant: string,
    pending: readonly { readonly request: { readonly id: string }; readonly rule: DeleteRule }[],
    sequence: number,
  ): void {
    this.#batches.set(tenant, {
      tenant,
      ids: pending.map(({ request }) => request.id),
      rules: pending.map(({ rule }) => rule),
      sequence,
      clean: new Set(),
      stuck: new Set(),
      segmentCount: 0,
      leftCount: 0,
    })
  }

  async #stepOf(batch: Batch): Promise<SweepStep | undefined> {
    const { tenant, sequence, clean, stuck, rules } = batch
    const found = await this.#options.catalog.findSegments(tenant, spanOf(rules))
    const { numberOf = (name: string) => parseSegmentName(name)!.sequence } = this.#options
    const left = found.filter(({ name }) => numberOf(name) <= sequence && !clean.has(name))
    batch.segmentCount = Math.max(batch.segmentCount, left.length)
    batch.leftCount = left.length
    if (left.some(({ level }) => level === 0)) return 'level0'
    const plan = new DeletePlan(rules)
    for (const segment of left) {
      if (stuck.has(segment.name)) continue
      const choice = await this.#rewriteOf(segment, batch, plan)
      if (choice) return choice
      clean.add(segment.name)
      batch.leftCount--
      await setImmediate()
    }
    return undefined
  }

  /**
   * Returns the rewrite of a segment, or `undefined` if its footer shows that there is nothing to
   * remove.
   */
  async #rewriteOf(
    { name, sizeBytes, level, sequence }: SegmentInfo,
    { tenant }: Batch,
    plan: DeletePlan,
  ): Promise<Choice | undefined> {
    const { parts } = await this.#options.segments.footer(name, sizeBytes)
    for (const part of parts) {
      if (part.tenant !== tenant) continue
      const deletes: (StreamDeletes | undefined)[] = []
      for (const text of part.streams) {
        deletes.push(plan.ofStream(parseLabelSet(text)))
        if (deletes.length % sweepStreamsAtOnce === 0) await setImmediate()
      }
      if (!part.blocks.some(record => deletes[record.stream]?.ofBlock(record))) continue
      const { day } = part
      return { inputs: [name], outputs: [{ tenant, day }], level, sequence, isRewrite: true }
    }
    return undefined
  }

  async #finish({ tenant, ids, rules, sequence }: Batch): Promise<void> {
    const { registry, logger, onProcessed } = this.#options
    await forgetLostStreams(this.#options, tenant, spanOf(rules))
    await registry.finish(tenant, ids, sequence)
    this.#batches.delete(tenant)
    onProcessed?.(tenant, ids.length)
    logger.info({ tenant, requests: ids }, 'processed delete requests')
  }
}

function spanOf(rules: readonly DeleteRule[]): TimeRange {
  const startNs = rules.reduce(
    (least, rule) => (rule.startNs < least ? rule.startNs : least),
    rules[0]!.startNs,
  )
  const endNs = rules.reduce(
    (most, rule) => (rule.endNs > most ? rule.endNs : most),
    rules[0]!.endNs,
  )
  return { startNs, endNs: endNs + 1n }
}
