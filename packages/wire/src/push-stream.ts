// What a push holds, in columns, whichever encoding it came in: the lines stay bytes in the buffer
// they arrived in, and no object is made per entry.

import type { Label } from './labels.ts'

/** Entries of one stream of a push, in the order in which they were sent. */
export interface PushStream {
  /** Label set as it was sent, `{a="b"}`; not yet parsed. */
  readonly labelsText: string
  readonly entryCount: number
  /** Entry → whole seconds since 1970, rounded down. */
  readonly seconds: Float64Array
  /** Entry → nanoseconds within the second, 0 to 999,999,999. */
  readonly nanos: Uint32Array
  /** Buffer that the lines lie in. */
  readonly bytes: Buffer
  readonly lineOffsets: Uint32Array
  readonly lineLengths: Uint32Array
  /** Entry → its structured metadata; absent when no entry of the stream has any. */
  readonly metadata: readonly (readonly Label[] | undefined)[] | undefined
}

/** Gathers the columns of one stream; arrays grow by doubling. */
export class PushStreamBuilder {
  #count = 0
  #seconds = new Float64Array(64)
  #nanos = new Uint32Array(64)
  #offsets = new Uint32Array(64)
  #lengths = new Uint32Array(64)
  #metadata: (readonly Label[] | undefined)[] | undefined

  get entryCount(): number {
    return this.#count
  }

  /** Adds an entry; `nanos` lies within one second. */
  add(seconds: number, nanos: number, lineOffset: number, lineLength: number): void {
    const at = this.#count
    if (at === this.#seconds.length) this.#grow()
    this.#seconds[at] = seconds
    this.#nanos[at] = nanos
    this.#offsets[at] = lineOffset
    this.#lengths[at] = lineLength
    this.#count = at + 1
  }

  /** Gives the entry added last its structured metadata. */
  setMetadata(labels: readonly Label[]): void {
    if (labels.length === 0) return
    this.#metadata ??= []
    this.#metadata[this.#count - 1] = labels
  }

  /** Ends the stream; the builder is not used afterwards. */
  build(labelsText: string, bytes: Buffer): PushStream {
    const count = this.#count
    if (this.#metadata) this.#metadata.length = count
    return {
      labelsText,
      entryCount: count,
      seconds: this.#seconds.subarray(0, count),
      nanos: this.#nanos.subarray(0, count),
      bytes,
      lineOffsets: this.#offsets.subarray(0, count),
      lineLengths: this.#lengths.subarray(0, count),
      metadata: this.#metadata,
    }
  }

  #grow(): void {
    const length = this.#seconds.length * 2
    const seconds = new Float64Array(length)
    seconds.set(this.#seconds)
    this.#seconds = seconds
    this.#nanos = grown(this.#nanos, length)
    this.#offsets = grown(this.#offsets, length)
    this.#lengths = grown(this.#lengths, length)
  }
}

function grown(column: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(length)
  longer.set(column)
  return longer
}
