// Builds the body of a push request entry by entry, so that a sender copies each line's bytes once
// and creates no object per line. push-codec.ts shows the message layout.

import { BufferPool } from './buffer-pool.ts'
import type { Label } from './labels.ts'
import { varintLength, writeVarint } from './varint.ts'

const initialBytes = 4096
// Below this many bytes a loop beats the call into Buffer.copy.
const loopCopyBytes = 32

/** Encoded entries of one stream of a batch. */
export class BatchStream {
  readonly labelsText: string
  readonly #pool: BufferPool
  #buffer: Buffer
  #length = 0

  constructor(labelsText: string, pool: BufferPool) {
    this.labelsText = labelsText
    this.#pool = pool
    this.#buffer = pool.take(initialBytes)
  }

  /** Returns the memory to the pool. Nothing can be added afterwards. */
  release(): void {
    this.#pool.give(this.#buffer)
    this.#buffer = Buffer.alloc(0)
    this.#length = 0
  }

  /** Size of the entries in the request. */
  get byteLength(): number {
    return this.#length
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
    this.#reserve(entryLength + 11)
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

  /** Writes the whole stream into `out` at `at`. Returns where it ends. */
  writeTo(out: Buffer, at: number): number {
    const labelBytes = Buffer.byteLength(this.labelsText)
    let next = at
    out[next++] = 0x0a
    next = writeVarint(out, next, 1 + varintLength(labelBytes) + labelBytes + this.#length)
    out[next++] = 0x0a
    next = writeVarint(out, next, labelBytes)
    next += out.write(this.labelsText, next)
    this.#buffer.copy(out, next, 0, this.#length)
    return next + this.#length
  }

  /** Number of bytes that `writeTo` writes. */
  get messageLength(): number {
    const labelBytes = Buffer.byteLength(this.labelsText)
    const length = 1 + varintLength(labelBytes) + labelBytes + this.#length
    return 1 + varintLength(length) + length
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#buffer.length) return
    const grown = this.#pool.take(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#pool.give(this.#buffer)
    this.#buffer = grown
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
   * Ends the request and passes its bytes to `use`. Afterwards the bytes and the streams' memory
   * return to the pool.
   */
  finish<T>(use: (body: Buffer) => T): T {
    let length = 0
    for (const stream of this.#streams) length += stream.messageLength
    const out = this.#pool.take(length)
    let at = 0
    for (const stream of this.#streams) {
      at = stream.writeTo(out, at)
      stream.release()
    }
    const result = use(out.subarray(0, at))
    this.#pool.give(out)
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
