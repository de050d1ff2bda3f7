// Snappy in WebAssembly, about four times as fast as in JavaScript. The source is
// ../assembly/snappy.ts, which also shows how it lays out its memory.

import { readFileSync } from 'node:fs'
import { snappyWasmBytesMax } from './limits.ts'
import type { SnappyBlock } from './snappy-js.ts'

/** What the compiled module exports. Addresses and lengths are bytes. */
interface Exports {
  readonly memory: WebAssembly.Memory
  readonly compressInputAt: WebAssembly.Global
  readonly compressOutputAt: WebAssembly.Global
  compress(length: number): number
  /** Returns 0 if the elements are damaged. */
  decompress(at: number, end: number, output: number, length: number): number
}

const pieceBytes = 65_536
const wasmPageBytes = 65_536
/** Copies may touch this many bytes behind a body and behind an output. */
const gapBytes = 16

/** One instance. Its memory grows with the bodies it decompresses, up to `snappyWasmBytesMax`. */
export class WasmSnappy {
  readonly #exports: Exports
  readonly #inputAt: number
  readonly #outputAt: number
  /** All of the memory. Growing the memory detaches it, so only `#reserve` may grow it. */
  #memory: Buffer

  /** @throws Error when the module was not built, or this Node cannot run it. */
  constructor(path = new URL('../build/snappy.wasm', import.meta.url)) {
    const file = readFileSync(path)
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(file))
    this.#exports = exports as Exports
    this.#inputAt = this.#exports.compressInputAt.value
    this.#outputAt = this.#exports.compressOutputAt.value
    this.#memory = Buffer.from(this.#exports.memory.buffer)
  }

  /**
   * Compresses what lies in pieces, one after the other, 64 KiB at a time. Calls `write` with the
   * elements of each part, which are valid only during the call.
   */
  compress(pieces: readonly Buffer[], write: (elements: Buffer) => void): void {
    let filled = 0
    for (const piece of pieces) {
      for (let from = 0; from < piece.length; ) {
        const count = Math.min(pieceBytes - filled, piece.length - from)
        piece.copy(this.#memory, this.#inputAt + filled, from, from + count)
        from += count
        filled += count
        if (filled < pieceBytes) continue
        write(this.#compressInput(filled))
        filled = 0
      }
    }
    if (filled > 0) write(this.#compressInput(filled))
  }

  #compressInput(length: number): Buffer {
    const outputLength = this.#exports.compress(length)
    return this.#memory.subarray(this.#outputAt, this.#outputAt + outputLength)
  }

  /** Returns false if a block and its output need more memory than an instance may have. */
  hasRoomFor(block: SnappyBlock): boolean {
    return memoryFor(block) <= snappyWasmBytesMax
  }

  /**
   * Decompresses a block. Returns undefined, and allocates nothing, if its elements are damaged or
   * do not produce the declared length.
   */
  decompress(block: SnappyBlock, allocate: (bytes: number) => Buffer): Buffer | undefined {
    const { body, start, length } = block
    this.#reserve(memoryFor(block))
    body.copy(this.#memory)
    const outputAt = body.length + gapBytes
    if (!this.#exports.decompress(start, body.length, outputAt, length)) return undefined
    const output = allocate(length).subarray(0, length)
    this.#memory.copy(output, 0, outputAt, outputAt + length)
    return output
  }

  #reserve(bytes: number): void {
    const missing = bytes - this.#memory.length
    if (missing <= 0) return
    this.#exports.memory.grow(Math.ceil(missing / wasmPageBytes))
    this.#memory = Buffer.from(this.#exports.memory.buffer)
  }
}

function memoryFor({ body, length }: SnappyBlock): number {
  return body.length + gapBytes + length + gapBytes
}
