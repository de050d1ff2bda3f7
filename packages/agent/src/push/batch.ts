// One push request while it fills: encoded entries of many streams of one tenant, and the files they came
// from.

import {
  type BatchStream,
  type BufferPool,
  PushBatchEncoder,
  snappyCompressPieces,
} from '@skald/wire'
import type { LineOrigin, OriginBatch } from '../line/line-origin.ts'
import type { SinkLine } from '../line/line-sink.ts'

/** One stream of one tenant. Remembers its place in the open batch. */
export interface BatchedStream {
  readonly labelsText: string
  readonly hash: number
  batch: Batch | undefined
  stream: BatchStream | undefined
}

/** A closed batch. */
export interface SealedBatch {
  readonly body: Buffer
  /** Memory of the body, to return to the pool. */
  readonly memory: Buffer
  readonly entryCount: number
  readonly lineBytes: number
}

/** Memory of batches that is used again. */
export interface BatchPools {
  /** Pieces of open batches. */
  readonly pieces: BufferPool
  /** Compressed batches. A server may answer before one is sent completely, so they are not freed at once. */
  readonly bodies: BufferPool
}

/** An open batch. */
export class Batch implements OriginBatch {
  readonly sequence: number
  readonly shard: number
  /** The queue's sharding epoch when the batch was opened. */
  readonly epoch: number
  readonly openedMs: number
  readonly #bodies: BufferPool
  #encoder: PushBatchEncoder | undefined
  readonly #handles: BatchedStream[] = []
  readonly #origins = new Set<LineOrigin>()
  #lastOrigin: LineOrigin | undefined
  entryCount = 0
  /** Bytes of lines and structured metadata, which count towards the batch size. */
  lineBytes = 0

  constructor(options: {
    readonly sequence: number
    readonly shard: number
    readonly epoch: number
    readonly openedMs: number
    readonly pools: BatchPools
  }) {
    this.#bodies = options.pools.bodies
    this.#encoder = new PushBatchEncoder(options.pools.pieces)
    this.sequence = options.sequence
    this.shard = options.shard
    this.epoch = options.epoch
    this.openedMs = options.openedMs
  }

  /** Adds a line. Copies its bytes. */
  add(handle: BatchedStream, line: SinkLine, byteLength: number): void {
    if (handle.batch !== this) {
      handle.batch = this
      handle.stream = this.#encoder!.addStream(handle.labelsText)
      this.#handles.push(handle)
    }
    const { seconds, nanos, bytes, start, end, metadata } = line
    handle.stream!.add(seconds, nanos, bytes, start, end, metadata)
    this.entryCount++
    this.lineBytes += byteLength
    this.#addOrigin(line.origin, line.startOffset)
    if (line.earlier) this.#addOrigin(line.earlier.origin, line.earlier.startOffset)
  }

  #addOrigin(origin: LineOrigin, startOffset: number): void {
    origin.addToBatch(this, startOffset)
    if (origin === this.#lastOrigin) return
    this.#lastOrigin = origin
    this.#origins.add(origin)
  }

  /** Encodes and compresses the request. Afterwards nothing can be added. */
  seal(): SealedBatch {
    const { entryCount, lineBytes } = this
    const sealed = this.#encoder!.finish(pieces => this.#compress(pieces))
    this.#encoder = undefined
    // Streams that go quiet must not keep the encoded entries in memory.
    for (const handle of this.#handles.splice(0)) {
      handle.batch = undefined
      handle.stream = undefined
    }
    return { ...sealed, entryCount, lineBytes }
  }

  /** Returns a copy of the right size, because the compressor's buffer is sized by guess. */
  #compress(pieces: readonly Buffer[]): Pick<SealedBatch, 'body' | 'memory'> {
    const compressed = snappyCompressPieces(pieces, this.#bodies)
    const { length } = compressed.body
    const memory = this.#bodies.take(length)
    compressed.body.copy(memory)
    this.#bodies.give(compressed.memory)
    return { body: memory.subarray(0, length), memory }
  }

  /** Notifies all files that their lines were accepted, or dropped for good. */
  settle(): void {
    for (const origin of this.#origins) origin.settleBatch(this)
    this.#origins.clear()
  }
}
