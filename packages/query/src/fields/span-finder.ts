// Finds the fields of many lines in one call of WebAssembly. The source is ../../assembly/field-spans.ts, which
// also shows how it lays out its memory.

import { openWasmModule } from '@skald/wire/wasm-module'
import type { BlockText } from '../pipeline/block-text.ts'

/** What the compiled module exports. Addresses and lengths are bytes. */
interface Exports extends Readonly<Record<`read${string}`, (from: number, to: number) => number>> {
  readonly memory: WebAssembly.Memory
  readonly rowsMax: WebAssembly.Global
  readonly bytesMax: WebAssembly.Global
  readonly namesMax: WebAssembly.Global
  readonly programMax: WebAssembly.Global
  readonly firstBytesAt: WebAssembly.Global
  readonly programAt: WebAssembly.Global
  readonly endsAt: WebAssembly.Global
  readonly outcomesAt: WebAssembly.Global
  readonly spansAt: WebAssembly.Global
  readonly idsAt: WebAssembly.Global
  readonly linesAt: WebAssembly.Global
  readonly keyStart: WebAssembly.Global
  readonly keyEnd: WebAssembly.Global
  reset(names: number, count: number): void
  addKey(meaning: number): void
  findRests(count: number): void
}

/** How to find the fields of a line. */
export interface SpanProgram {
  readonly form: 'Json' | 'Logfmt' | 'Pattern' | 'Regexp'
  readonly nameCount: number
  /** Fields after which a line is done. */
  readonly countMax: number
  /** First byte of a key → 1 if the key may be needed. */
  readonly firstBytes?: Uint8Array
  /** Returns the index of a key's field, or -1, or -2: see key-memory.ts. */
  readonly meaningOf?: (key: string) => number
  /** Whether rests of lines are numbered. */
  readonly hasRests?: boolean
  /** Writes texts and steps for addresses from `at` on. Returns `undefined` if there is too little room. */
  readonly write?: (at: number) => Uint8Array | undefined
}

/** One instance, with a memory of 900 KiB. All readers of a thread take turns. */
export class SpanFinder {
  /** Most fields of a program. */
  readonly namesMax: number
  /** Most bytes of a batch, with the byte after each line. */
  readonly bytesMax: number
  /** Most rows of a batch. */
  readonly rowsMax: number
  /** Row of the batch → 0 if nothing is known about it. */
  readonly outcomes: Uint8Array
  /** Row and field → start and end, plus `shift`. 0 if there is none. */
  readonly spans: Uint32Array
  /**
   * Row of the batch → the number of its rest, which is the line without the values of the fields. Equal rests of a
   * program have equal numbers, from 0 on, as long as `loads` stays the same. -1 if the first field is missing, or
   * if there are too many.
   */
  readonly ids: Int32Array
  /** The last program that ran: what is in the memory is its answer. */
  program: SpanProgram | undefined
  /** How often a program took the place of another. */
  loads = 0
  readonly #exports: Exports
  readonly #memory: Buffer
  readonly #ends: Uint32Array
  readonly #linesAt: number

  constructor(exports: object) {
    const { memory, ...module } = exports as Exports
    const { buffer } = memory
    this.#exports = exports as Exports
    this.#memory = Buffer.from(buffer)
    this.namesMax = module.namesMax.value
    this.rowsMax = module.rowsMax.value
    this.outcomes = new Uint8Array(buffer, module.outcomesAt.value, this.rowsMax)
    this.spans = new Uint32Array(buffer, module.spansAt.value, 2 * this.rowsMax * this.namesMax)
    this.ids = new Int32Array(buffer, module.idsAt.value, this.rowsMax)
    this.#ends = new Uint32Array(buffer, module.endsAt.value, this.rowsMax)
    this.#linesAt = module.linesAt.value
    this.bytesMax = module.bytesMax.value
  }

  /** Returns whether there is room for a program. */
  fits(program: SpanProgram): boolean {
    const { nameCount, write } = program
    if (nameCount === 0 || nameCount > this.namesMax) return false
    const { programAt, programMax } = this.#exports
    const bytes = write?.(programAt.value)
    return !write || (bytes !== undefined && bytes.length <= programMax.value)
  }

  /**
   * Reads up to `count` lines of a block, as many as fit. Returns their number: 0 if the first one alone is too
   * long.
   */
  read(
    program: SpanProgram,
    text: BlockText,
    { row, count }: { row: number; count: number },
  ): number {
    this.#load(program)
    const start = text.startOf(row)
    const last = Math.min(row + Math.min(count, this.rowsMax), text.rowCount)
    const ends = this.#ends
    const shift = this.#linesAt - start
    let next = row
    for (; next < last; next++) {
      const end = text.endOf(next)
      if (end - start >= this.bytesMax) break
      ends[next - row] = end + shift
    }
    const taken = next - row
    if (taken === 0) return 0
    const end = text.endOf(next - 1)
    text.bytes.copy(this.#memory, this.#linesAt, start, end)
    // Loops over a line stop at the line break behind it.
    this.#memory[end + shift] = 0x0a
    this.#run(program, taken)
    if (program.hasRests) this.#exports.findRests(taken)
    return taken
  }

  /** What to subtract from a span of lines that begin at `start`. */
  shiftOf(start: number): number {
    return this.#linesAt - start
  }

  #load(program: SpanProgram): void {
    if (this.program === program) return
    const { reset, programAt, firstBytesAt } = this.#exports
    const { nameCount, countMax, firstBytes, write } = program
    reset(nameCount, Math.min(countMax, this.rowsMax))
    if (firstBytes) this.#memory.set(firstBytes, firstBytesAt.value)
    const bytes = write?.(programAt.value)
    if (bytes) this.#memory.set(bytes, programAt.value)
    this.program = program
    this.loads++
  }

  #run({ form, meaningOf }: SpanProgram, count: number): void {
    const exports = this.#exports
    for (let from = 0; ; ) {
      from = exports[`read${form}`]!(from, count)
      if (from >= count) return
      const { keyStart, keyEnd, addKey } = exports
      addKey(meaningOf!(this.#memory.toString('utf8', keyStart.value, keyEnd.value)))
    }
  }
}

let opened: { readonly finder: SpanFinder | undefined } | undefined

/** Returns the finder of this thread. Without WebAssembly there is none, and JavaScript reads line by line. */
export function threadSpanFinder(): SpanFinder | undefined {
  opened ??= { finder: openSpanFinder() }
  return opened.finder
}

/**
 * Opens the WebAssembly. Returns `undefined` if it was not built, or this Node cannot run it.
 * @throws the system's error if the file cannot be read.
 */
export function openSpanFinder(
  path = new URL('../../build/field-spans.wasm', import.meta.url),
): SpanFinder | undefined {
  const exports = openWasmModule(path)
  return exports && new SpanFinder(exports)
}
