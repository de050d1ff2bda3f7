// Where lines come from, as everything after the tailer sees it, and which bytes are still on their way.
// The position to save is the first byte of the first line that has been neither acknowledged nor
// deliberately dropped.

import { spansBeforePrune } from '../limits.ts'
import type { LabelState } from './label-state.ts'

/** A line (or its parts) that a stage holds back. */
export interface HeldLine {
  /** Offset of its first byte in the file. */
  readonly startOffset: number
}

/** What a batch counts for each origin in it. */
export interface OriginBatch {
  readonly sequence: number
}

/** A file, as the pipeline and the push queue see it. */
export class LineOrigin {
  /** Name for messages: the file's path. */
  readonly name: string
  /** True if its lines are the agent's own: no limit of the agent applies to them. */
  readonly isOfAgent: boolean
  /** Labels of its last line that was sent. */
  lastLabels: LabelState | undefined
  /** Lines that stages hold back. */
  readonly held = new Set<HeldLine>()
  #isHeldUp = false
  /** Called when its lines no longer have to wait. */
  onReleased: (() => void) | undefined
  readonly #batches = new Map<OriginBatch, number>()
  /** Where the first and last part of joined lines start. */
  #spans: { readonly first: number; readonly last: number }[] = []
  readonly #readTime: (offset: number) => bigint
  readonly #pinTime: (offset: number, timestampNs: bigint) => bigint
  #lastBatch: OriginBatch | undefined
  #lastMin = 0
  /** Called when lines were acknowledged or dropped. */
  onProgress: (() => void) | undefined

  constructor(options: {
    readonly name: string
    /** Returns when the line at an offset was read. The result is the same after a crash. */
    readonly readTime: (offset: number) => bigint
    /**
     * Fixes the time of a line that derives it from earlier lines, so that it is the same after a crash.
     */
    readonly pinTime?: (offset: number, timestampNs: bigint) => bigint
    readonly isOfAgent?: boolean
  }) {
    this.name = options.name
    this.isOfAgent = options.isOfAgent ?? false
    this.#readTime = options.readTime
    this.#pinTime = options.pinTime ?? ((_offset, timestampNs) => timestampNs)
  }

  /** True if its lines have to wait because their tenant uses more than its share of memory. */
  get isHeldUp(): boolean {
    return this.#isHeldUp
  }

  holdUp(): void {
    this.#isHeldUp = true
  }

  release(): void {
    this.#isHeldUp = false
    this.onReleased?.()
  }

  readTimeNs(offset: number): bigint {
    return this.#readTime(offset)
  }

  pinTimeNs(offset: number, timestampNs: bigint): bigint {
    return this.#pinTime(offset, timestampNs)
  }

  /** Records that a batch contains a line of this origin, starting at `startOffset`. */
  addToBatch(batch: OriginBatch, startOffset: number): void {
    if (batch === this.#lastBatch && startOffset >= this.#lastMin) return
    const known = this.#batches.get(batch)
    const min = known === undefined || startOffset < known ? startOffset : known
    this.#batches.set(batch, min)
    this.#lastBatch = batch
    this.#lastMin = min
  }

  /** Records that all lines of a batch were accepted, or dropped for good. */
  settleBatch(batch: OriginBatch): void {
    this.#batches.delete(batch)
    if (this.#lastBatch === batch) this.#lastBatch = undefined
    this.onProgress?.()
  }

  /**
   * Records that a line was joined from parts, with the offsets of its first and last part. Other streams'
   * lines may lie between them, but no position may: the last part would then be read alone.
   */
  addSpan(first: number, last: number): void {
    if (this.#spans.length >= spansBeforePrune) {
      const settled = this.settledOffset(Number.MAX_SAFE_INTEGER)
      this.#spans = this.#spans.filter(span => span.last >= settled)
    }
    this.#spans.push({ first, last })
  }

  get hasUnsettled(): boolean {
    return this.#batches.size > 0
  }

  /** Returns the position that may be saved when everything before `readOffset` is in the pipeline. */
  settledOffset(readOffset: number): number {
    let offset = readOffset
    for (const min of this.#batches.values()) if (min < offset) offset = min
    for (const { startOffset } of this.held) if (startOffset < offset) offset = startOffset
    // Later spans first: moving back before one may lead into an earlier one.
    for (let i = this.#spans.length - 1; i >= 0; i--) {
      const { first, last } = this.#spans[i]!
      if (offset > first && offset <= last) {
        offset = first
        i = this.#spans.length
      }
    }
    return offset
  }
}
