// Splits and joins lines in WebAssembly. The source is assembly/line-split.ts.

import { openWasmModule } from '@skald/wire/wasm-module'
import type { Allocate } from '../../buffers.ts'
import { splitBytesMax } from '../../limits.ts'
import { type LineSplitter, partNames, type SplitParts } from './parts.ts'

/** What the compiled module exports. Addresses and lengths are bytes. */
interface Exports {
  readonly memory: WebAssembly.Memory
  readonly textAt: WebAssembly.Global
  readonly partsAt: WebAssembly.Global
  readonly partsMax: WebAssembly.Global
  readonly shapeBytes: WebAssembly.Global
  readonly idBytes: WebAssembly.Global
  readonly wordBytes: WebAssembly.Global
  readonly numberBytes: WebAssembly.Global
  readonly hexBytes: WebAssembly.Global
  /** Returns 0 if the text has no common form. */
  split(length: number): number
  /** Returns the length of the text, or -1 if the parts do not fit together. */
  join(
    shape: number,
    ids: number,
    words: number,
    numbers: number,
    hex: number,
    bytesMax: number,
  ): number
}

/** One instance. Has 12 MiB of address space, and uses as much of it as its texts need. */
class WasmSplitter implements LineSplitter {
  readonly #exports: Exports
  readonly #memory: Buffer
  readonly #textAt: number
  readonly #partsAt: number

  constructor(exports: Exports) {
    this.#exports = exports
    this.#memory = Buffer.from(exports.memory.buffer)
    this.#textAt = exports.textAt.value
    this.#partsAt = exports.partsAt.value
  }

  split(text: Buffer): SplitParts | undefined {
    if (text.length > splitBytesMax) return undefined
    text.copy(this.#memory, this.#textAt)
    const exports = this.#exports
    if (exports.split(text.length) === 0) return undefined
    let at = this.#partsAt
    const next = (bytes: WebAssembly.Global): Buffer => {
      const part = this.#memory.subarray(at, at + bytes.value)
      at += bytes.value
      return part
    }
    return {
      shape: next(exports.shapeBytes),
      ids: next(exports.idBytes),
      words: next(exports.wordBytes),
      numbers: next(exports.numberBytes),
      hex: next(exports.hexBytes),
    }
  }

  join(parts: SplitParts, bytesMax: number, allocate: Allocate): Buffer {
    const { shape, ids, words, numbers, hex } = parts
    const all = partNames.reduce((sum, name) => sum + parts[name].length, 0)
    if (all > this.#exports.partsMax.value || bytesMax > splitBytesMax) {
      throw new RangeError('split lines are too long')
    }
    let at = this.#partsAt
    for (const name of partNames) at += parts[name].copy(this.#memory, at)
    const sizes = [shape.length, ids.length, words.length, numbers.length, hex.length] as const
    const length = this.#exports.join(...sizes, bytesMax)
    if (length < 0) throw new RangeError('split lines do not fit together')
    const text = allocate(length)
    this.#memory.copy(text, 0, this.#textAt, this.#textAt + length)
    return text
  }
}

/**
 * Opens the WebAssembly. Returns `undefined` if it was not built, or this Node cannot run it.
 * @throws the system's error if the file cannot be read.
 */
export function openWasmSplitter(
  path = new URL('../../../build/line-split.wasm', import.meta.url),
): LineSplitter | undefined {
  const exports = openWasmModule(path)
  return exports && new WasmSplitter(exports as Exports)
}
