// Builds the body of a push request entry by entry, so that a sender copies each line's bytes once
// and creates no object per line. push-codec.ts shows the message layout.

import { BufferPool } from './buffer-pool.ts'
import type { Label } from './labels.ts'
import { batchPieceBytesLeast, batchPieceBytesMost } from './limits.ts'
import { varintLength, writeVarint } from './varint.ts'

// Below this many bytes a loop beats the call into Buffer.copy.
const loopCopyBytes = 32
/** Room for the tags, lengths and time of an entry. */
const entryHeadBytes = 11
const nothing = Buffer.alloc(0)

/**
 * Encoded entries of one stream of a batch, in pieces. A full piece stays where it is, so nothing is
 * copied when the stream grows, and only a few sizes of memory are used again and again.
 */
export class BatchStream {
  readonly labelsText: string
  readonly #pool: BufferPool
  /** Full pieces, without their unused ends. */
  readonly #full: Buffer[] = []
  /** Memory of the full pieces, to return to the pool. */
  readonly #memory: Buffer[] = []
  #fullBytes = 0
  /** The piece that is being filled. */
  #buffer: Buffer
  #length = 0

  constructor(labelsText: string, pool: BufferPool) {
    this.labelsText = labelsText
    this.#pool = pool
    this.#buffer = pool.take(batchPieceBytesLeast)
  }

  /** Returns the memory to the pool. Nothing can be added afterwards. */
  release(): void {
    for (const memory of this.#memory.splice(0)) this.#pool.give(memory)
    this.#pool.give(this.#buffer)
    this.#full.length = 0
    this.#fullBytes = 0
    this.#buffer = nothing
    this.#length = 0
  }

  /** Size of the entries in the request. */
  get byteLength(): number {
    return this.#fullBytes + this.#length
  }

  /**
   * Adds a copy of the line `bytes[start .. end)`. `seconds` is a whole number since 1970, `nanos`
   * is within one second.
   */
  // biome-ignore lint/complexity/useMaxParams: called for every line; an options object would be garbage each time.
  add(
    seconds: number,
    nanos: number,
    bytes: Buffer,
    start: number,
    end: number,
    metadata?: readonly Label[],
  ): void {
    const lineLength = end - start
    const timeLength = 2 + varintLength(seconds) + varintLength(nanos)
    const pairs = metadata && metadata.length > 0 ? encodePairs(metadata) : undefined
    const entryLength =
      2 + timeLength + 1 + varintLength(lineLength) + lineLength + (pairs?.length ?? 0)
    this.#reserve(entryLength + entryHeadBytes)
    const out = this.#buffer
    let at = this.#length
    out[at++] = 0x12
    at = writeVarint(out, at, entryLength)
    out[at++] = 0x0a
    out[at++] = timeLength
    out[at++] = 0x08
    at = writeVarint(out, at, seconds)
    out[at++] = 0x10
    at = writeVarint(out, at, nanos)
    out[at++] = 0x12
    at = writeVarint(out, at, lineLength)
    if (lineLength <= loopCopyBytes) {
      for (let from = start; from < end; from++) out[at++] = bytes[from]!
    } else {
      at += bytes.copy(out, at, start, end)
    }
    if (pairs) {
      out.set(pairs, at)
      at += pairs.length
    }
    this.#length = at
  }

  /** Yields the bytes of the stream's message. They are valid until `release`. */
  *message(): Iterable<Buffer> {
    const labelBytes = Buffer.byteLength(this.labelsText)
    const head = Buffer.allocUnsafe(labelBytes + 22)
    head[0] = 0x0a
    let at = writeVarint(head, 1, 1 + varintLength(labelBytes) + labelBytes + this.byteLength)
    head[at++] = 0x0a
    at = writeVarint(head, at, labelBytes)
    at += head.write(this.labelsText, at)
    yield head.subarray(0, at)
    yield* this.#full
    yield this.#buffer.subarray(0, this.#length)
  }

  /** Makes room in the current piece, or begins a new one. An entry never lies in two pieces. */
  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    this.#full.push(this.#buffer.subarray(0, this.#length))
    this.#memory.push(this.#buffer)
    this.#fullBytes += this.#length
    const usual = Math.min(this.#buffer.length * 2, batchPieceBytesMost)
    this.#buffer = this.#pool.take(Math.max(bytes, usual))
    this.#length = 0
  }
}

/** Builds a push request from entries. `finish` produces uncompressed protobuf. */
export class PushBatchEncoder {
  readonly #streams: BatchStream[] = []
  readonly #pool: BufferPool

  constructor(pool: BufferPool = new BufferPool(0)) {
    this.#pool = pool
  }

  get streamCount(): number {
    return this.#streams.length
  }

  /** Starts a stream. Its labels are written once, not per entry. */
  addStream(labelsText: string): BatchStream {
    const stream = new BatchStream(labelsText, this.#pool)
    this.#streams.push(stream)
    return stream
  }

  /**
   * Ends the request and passes its bytes to `use`, in pieces. Afterwards the memory of the pieces
   * returns to the pool.
   */
  finish<T>(use: (pieces: readonly Buffer[]) => T): T {
    const pieces: Buffer[] = []
    for (const stream of this.#streams) pieces.push(...stream.message())
    const result = use(pieces)
    for (const stream of this.#streams) stream.release()
    return result
  }
}

function encodePairs(labels: readonly Label[]): Buffer {
  const parts: Buffer[] = []
  for (const { name, value } of labels) {
    const nameBytes = Buffer.from(name)
    const valueBytes = Buffer.from(value)
    const length =
      2 +
      varintLength(nameBytes.length) +
      nameBytes.length +
      varintLength(valueBytes.length) +
      valueBytes.length
    const head = Buffer.alloc(12)
    head[0] = 0x1a
    let at = writeVarint(head, 1, length)
    head[at++] = 0x0a
    at = writeVarint(head, at, nameBytes.length)
    const middle = Buffer.alloc(6)
    middle[0] = 0x12
    const middleEnd = writeVarint(middle, 1, valueBytes.length)
    parts.push(head.subarray(0, at), nameBytes, middle.subarray(0, middleEnd), valueBytes)
  }
  return Buffer.concat(parts)
}
