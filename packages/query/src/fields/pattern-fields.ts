// Reads the captures of `| pattern` from bytes (see field-reader.ts).

import type { BlockText } from '../pipeline/block-text.ts'
import { parsePatternCaptures } from '../pipeline/pattern-expression.ts'
import type { FieldNames, FieldReader } from './field-reader.ts'
import { FieldValues } from './field-values.ts'
import { withSpans } from './span-fields.ts'

interface Capture {
  /** Index of the value, -1 if it is not needed. */
  readonly index: number
  /** Bytes that end the capture; empty for the end of the line. */
  readonly end: Buffer
}

export function createPatternFields(
  { pattern }: { readonly pattern: string },
  { names, sampled }: FieldNames,
): FieldReader | undefined {
  // Bytes that are not UTF-8 turn into U+FFFD only when decoded.
  if (pattern.includes('\ufffd')) return undefined
  const parts = parsePatternCaptures(pattern)
  const captures = parts.flatMap((part, i): Capture[] => {
    if (part.kind === 'literal') return []
    const next = parts[i + 1]
    const end = Buffer.from(next?.kind === 'literal' ? next.text : '')
    return [{ index: part.name === '_' ? -1 : names.indexOf(part.name), end }]
  })
  const last = captures.findLastIndex(({ index }) => index >= 0)
  const [first] = parts
  const lead = Buffer.from(first?.kind === 'literal' ? first.text : '')
  const shape = { lead, captures: captures.slice(0, last + 1) }
  return withSpans(new PatternFields(new FieldValues(names.length, sampled), shape), {
    form: 'Pattern',
    nameCount: names.length,
    countMax: names.length,
    write: at => writePattern(shape, at),
  })
}

// The steps of the program, then the texts that they name.
function writePattern({ lead, captures }: PatternParts, at: number): Uint8Array {
  const steps = [{ index: captures.length, end: lead }, ...captures]
  const numbers = new Int32Array(3 * steps.length)
  let textAt = at + numbers.byteLength
  for (const [i, { index, end }] of steps.entries()) {
    numbers.set([index, textAt, end.length], 3 * i)
    textAt += end.length
  }
  return Buffer.concat([Buffer.from(numbers.buffer), ...steps.map(({ end }) => end)])
}

interface PatternParts {
  readonly lead: Buffer
  readonly captures: readonly Capture[]
}

class PatternFields implements FieldReader {
  readonly values: FieldValues
  readonly #lead: Buffer
  readonly #captures: readonly Capture[]

  constructor(values: FieldValues, { lead, captures }: PatternParts) {
    this.values = values
    this.#lead = lead
    this.#captures = captures
  }

  read(text: BlockText, row: number): boolean {
    const { bytes } = text
    const end = text.endOf(row)
    const { values } = this
    values.start(bytes)
    let at = text.startOf(row)
    if (at === end || !isAt(bytes, at, end, this.#lead)) return true
    at += this.#lead.length
    const captures = this.#captures
    for (let i = 0; i < captures.length; i++) {
      const capture = captures[i]!
      const stop = findBytes(bytes, at, end, capture.end)
      const { index } = capture
      if (index >= 0 && !values.take(index, at, stop < 0 ? end : stop)) return false
      if (stop < 0) return true
      at = stop + capture.end.length
    }
    return true
  }
}

function isAt(bytes: Buffer, at: number, end: number, wanted: Buffer): boolean {
  const { length } = wanted
  if (at + length > end) return false
  for (let i = 0; i < length; i++) if (bytes[at + i] !== wanted[i]) return false
  return true
}

// Finds bytes. Returns -1 if there are none, or if `wanted` is empty. Captures are short, so a loop beats a
// native search.
function findBytes(bytes: Buffer, from: number, end: number, wanted: Buffer): number {
  const { length } = wanted
  if (length === 0) return -1
  const first = wanted[0]!
  const last = end - length
  for (let at = from; at <= last; at++) {
    if (bytes[at] !== first) continue
    let i = 1
    while (i < length && bytes[at + i] === wanted[i]) i++
    if (i === length) return at
  }
  return -1
}
