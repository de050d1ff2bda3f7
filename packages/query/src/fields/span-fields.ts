// Reads the fields of lines in batches (see span-finder.ts). Lines that it cannot decide, and those without
// WebAssembly, go to a reader of single lines.

import type { BlockText } from '../pipeline/block-text.ts'
import type { FieldReader } from './field-reader.ts'
import type { FieldValues } from './field-values.ts'
import { SpanBatch } from './span-batch.ts'
import { type SpanFinder, type SpanProgram, threadSpanFinder } from './span-finder.ts'

/** Returns a reader that runs a program if it can, and else the one for single lines. */
export function withSpans(
  single: FieldReader,
  program: SpanProgram | undefined,
  finder = threadSpanFinder(),
): FieldReader {
  return program && finder?.fits(program) ? new SpanFields(single, program, finder) : single
}

class SpanFields implements FieldReader {
  readonly values: FieldValues
  readonly #single: FieldReader
  readonly #nameCount: number
  readonly #spans: Uint32Array
  readonly #batch: SpanBatch

  constructor(single: FieldReader, program: SpanProgram, finder: SpanFinder) {
    this.values = single.values
    this.#single = single
    this.#nameCount = program.nameCount
    this.#spans = finder.spans
    this.#batch = new SpanBatch(program, finder)
  }

  read(text: BlockText, row: number): boolean {
    const batch = this.#batch
    const place = batch.placeOf(text, row)
    if (place < 0) return this.#single.read(text, row)
    const { values } = this
    values.start(text.bytes)
    const { shift } = batch
    const spans = this.#spans
    const nameCount = this.#nameCount
    let at = 2 * place * nameCount
    for (let name = 0; name < nameCount; name++, at += 2) {
      const start = spans[at]!
      if (start !== 0 && !values.take(name, start - shift, spans[at + 1]! - shift)) return false
    }
    return true
  }
}
