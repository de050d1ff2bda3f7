// Numbers lines by what is left of them without some fields, so that a query looks at each such rest once.

import type { BlockText } from '../pipeline/block-text.ts'
import { createKeyIndexes } from '../pipeline/key-memory.ts'
import { keyedProgram } from './keyed-fields.ts'
import { SpanBatch } from './span-batch.ts'
import { type SpanFinder, threadSpanFinder } from './span-finder.ts'

/** Returns a reader of rests, or `undefined` without WebAssembly. The first of the names is a field of each line. */
export function createRestReader(
  form: 'Json' | 'Logfmt',
  names: readonly string[],
): RestReader | undefined {
  const finder = threadSpanFinder()
  return finder && names.length <= finder.namesMax ? new RestReader(form, names, finder) : undefined
}

export class RestReader {
  /** Place of the first field of the last line. */
  start = 0
  end = 0
  readonly #finder: SpanFinder
  readonly #batch: SpanBatch
  readonly #nameCount: number

  constructor(form: 'Json' | 'Logfmt', names: readonly string[], finder: SpanFinder) {
    // All lines are read to their end: a damaged line has its error in its rest.
    const keys = createKeyIndexes(names, false)
    const countMax = Number.POSITIVE_INFINITY
    const program = keyedProgram(form, { keys, countMax, nameCount: names.length })
    this.#finder = finder
    this.#nameCount = names.length
    this.#batch = new SpanBatch({ ...program, hasRests: true }, finder)
  }

  /** Numbers are valid as long as this stays the same. */
  get generation(): number {
    return this.#finder.loads
  }

  /** Returns the number of a line's rest, and finds the first field. -1 if the line has to be read otherwise. */
  read(text: BlockText, row: number): number {
    const batch = this.#batch
    const place = batch.placeOf(text, row)
    if (place < 0) return -1
    const { ids, spans } = this.#finder
    const at = 2 * place * this.#nameCount
    this.start = spans[at]! - batch.shift
    this.end = spans[at + 1]! - batch.shift
    return ids[place]!
  }
}
