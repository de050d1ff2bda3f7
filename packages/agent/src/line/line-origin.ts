// Where lines come from, seen from behind the tailer: which of its bytes are still on their way. The
// position that may be saved is the first byte of the first line that is neither acknowledged nor
// deliberately dropped.

import { spansBeforePrune } from '../limits.ts'

/** A line (or the parts of one) that a stage keeps back. */
export interface HeldLine {
  /** Offset of its first byte in the file. */
  readonly startOffset: number
}

/** What a batch counts for each origin in it. */
export interface OriginBatch {
  readonly sequence: number
}

/** One file as the pipeline and the push queue see it. */
export class LineOrigin {
  /** Name for messages: the path of the file. */
  readonly name: string
  /** Lines that stages keep back. */
  readonly held = new Set<HeldLine>()
  #isHeldUp = false
  /** Called when its lines need not wait any longer. */
  onReleased: (() => void) | undefined
  readonly #batches = new Map<OriginBatch, number>()
  /** Where the first and the last part of joined lines begin. */
  #spans: { readonly first: number; readonly last: number }[] = []
  readonly #readTime: (offset: number) => bigint
  readonly #pinTime: (offset: number, timestampNs: bigint) => bigint
  #lastBatch: OriginBatch | undefined
  #lastMin = 0
  /** Called when something was acknowledged or let go. */
  onProgress: (() => void) | undefined

  constructor(options: {
    readonly name: string
    /** Time at which the line at an offset was read; the same again after a crash. */
    readonly readTime: (offset: number) => bigint
    /** Gives a line that takes its time from its predecessors the same time again after a crash. */
    readonly pinTime?: (offset: number, timestampNs: bigint) => bigint
  }) {
    this.name = options.name
    this.#readTime = options.readTime
    this.#pinTime = options.pinTime ?? ((_offset, timestampNs) => timestampNs)
  }

  /** Its lines have to wait: their tenant has more in memory than its share. */
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

  /** Notes that a batch has a line of this origin that begins at `startOffset`. */
  addToBatch(batch: OriginBatch, startOffset: number): void {
    if (batch === this.#lastBatch && startOffset >= this.#lastMin) return
    const known = this.#batches.get(batch)
    const min = known === undefined || startOffset < known ? startOffset : known
    this.#batches.set(batch, min)
    this.#lastBatch = batch
    this.#lastMin = min
  }

  /** Notes that all lines of a batch were accepted, or dropped for good. */
  settleBatch(batch: OriginBatch): void {
    this.#batches.delete(batch)
    if (this.#lastBatch === batch) this.#lastBatch = undefined
    this.onProgress?.()
  }

  /**
   * Notes that a line was joined of parts, the first and last of which begin at these offsets. Lines
   * of other streams may lie between them: no position may, or the last part would be read alone.
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

  /** Position that may be saved when everything before `readOffset` went into the pipeline. */
  settledOffset(readOffset: number): number {
    let offset = readOffset
    for (const min of this.#batches.values()) if (min < offset) offset = min
    for (const { startOffset } of this.held) if (startOffset < offset) offset = startOffset
    // Later spans first: going back before one may lead into an earlier one.
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
