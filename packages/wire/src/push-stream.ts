// The content of a push in columns, whatever its encoding. Lines stay bytes in the buffer they
// arrived in, and no object is created per entry.

import { PushBodyError } from './errors.ts'
import type { Label } from './labels.ts'
import { freedColumnBytesLeast, pushPairCountMax } from './limits.ts'

/** Entries of one stream of a push, in the order they were sent. */
export interface PushStream {
  /** Label set as sent, `{a="b"}`, not parsed yet. */
  readonly labelsText: string
  readonly entryCount: number
  /** Entry → whole seconds since 1970, rounded down. */
  readonly seconds: Float64Array
  /** Entry → nanoseconds within the second, 0 to 999,999,999. */
  readonly nanos: Uint32Array
  /** Buffer that contains the lines. */
  readonly bytes: Buffer
  readonly lineOffsets: Uint32Array
  readonly lineLengths: Uint32Array
  /** Entry → its structured metadata; absent if no entry of the stream has any. */
  readonly metadata: readonly (readonly Label[] | undefined)[] | undefined
}

/** Range of one stream's entries in the columns of the whole push. */
interface StreamRange {
  readonly labelsText: string
  readonly bytes: Buffer
  readonly from: number
  readonly to: number
  readonly metadata: readonly (readonly Label[] | undefined)[] | undefined
}

/**
 * Builds the columns of a push. All streams share them, because a push often has many streams with
 * few entries. The columns grow by doubling and are cut into streams at the end.
 */
export class PushStreamBuilder {
  readonly #streams: StreamRange[] = []
  #count = 0
  /** First entry of the current stream. */
  #from = 0
  #seconds = new Float64Array(1024)
  #nanos = new Uint32Array(1024)
  #offsets = new Uint32Array(1024)
  #lengths = new Uint32Array(1024)
  #metadata: (readonly Label[] | undefined)[] | undefined
  #pairCount = 0

  /** Entries of all streams so far. */
  get entryCount(): number {
    return this.#count
  }

  /** Adds an entry to the current stream. `nanos` is within one second. */
  add(seconds: number, nanos: number, lineOffset: number, lineLength: number): void {
    const at = this.#count
    if (at === this.#seconds.length) this.#grow()
    this.#seconds[at] = seconds
    this.#nanos[at] = nanos
    this.#offsets[at] = lineOffset
    this.#lengths[at] = lineLength
    this.#count = at + 1
  }

  /** Sets the structured metadata of the last entry. */
  setMetadata(labels: readonly Label[]): void {
    if (labels.length === 0) return
    this.#metadata ??= []
    this.#metadata[this.#count - 1 - this.#from] = labels
  }

  /**
   * Counts metadata pairs before they are created or referenced.
   * @throws PushBodyError PUSH_BODY_TOO_LARGE above `pushPairCountMax`.
   */
  countPairs(count: number): void {
    this.#pairCount += count
    if (this.#pairCount <= pushPairCountMax) return
    throw new PushBodyError(
      `request body too large: more than ${pushPairCountMax} pairs of structured metadata`,
      { code: 'PUSH_BODY_TOO_LARGE' },
    )
  }

  /** Ends the stream of the entries added since the last one. Its lines are in `bytes`. */
  endStream(labelsText: string, bytes: Buffer): void {
    const metadata = this.#metadata
    if (metadata) metadata.length = this.#count - this.#from
    this.#streams.push({ labelsText, bytes, from: this.#from, to: this.#count, metadata })
    this.#from = this.#count
    this.#metadata = undefined
  }

  /**
   * Ends the push. Do not use the builder afterwards.
   *
   * @param bytes Buffer with the lines of all streams, if it became known only now.
   */
  build(bytes?: Buffer): PushStream[] {
    return this.#streams.map(({ labelsText, bytes: ownBytes, from, to, metadata }) => ({
      labelsText,
      entryCount: to - from,
      seconds: this.#seconds.subarray(from, to),
      nanos: this.#nanos.subarray(from, to),
      bytes: bytes ?? ownBytes,
      lineOffsets: this.#offsets.subarray(from, to),
      lineLengths: this.#lengths.subarray(from, to),
      metadata,
    }))
  }

  #grow(): void {
    const length = this.#seconds.length * 2
    const seconds = new Float64Array(length)
    seconds.set(this.#seconds)
    freeColumn(this.#seconds)
    this.#seconds = seconds
    this.#nanos = grown(this.#nanos, length)
    this.#offsets = grown(this.#offsets, length)
    this.#lengths = grown(this.#lengths, length)
  }
}

function grown(column: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(length)
  longer.set(column)
  freeColumn(column)
  return longer
}

/**
 * Frees the large columns of a push now, without waiting for the garbage collector. Nobody may use its
 * streams afterwards. The lines stay, because they are in the memory of the body.
 */
export function freePushColumns(streams: readonly PushStream[]): void {
  for (const { seconds, nanos, lineOffsets, lineLengths } of streams) {
    freeColumn(seconds)
    freeColumn(nanos)
    freeColumn(lineOffsets)
    freeColumn(lineLengths)
  }
}

/** All streams of a push share the memory of a column, so only the first of them frees it. */
function freeColumn({ buffer }: Float64Array | Uint32Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= freedColumnBytesLeast)
    buffer.transfer(0)
}
