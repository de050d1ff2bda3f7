// Fields of logfmt read from bytes; see field-reader.ts. Leaves lines with escapes, or anything that the
// grammar of logfmt does not know, to the pipeline.

import type { BlockText } from '../pipeline/block-text.ts'
import { createKeyIndexes, type KeyMemory } from '../pipeline/key-memory.ts'
import type { NamedExpression } from '../tokens/named-expressions.ts'
import type { FieldNames, FieldReader } from './field-reader.ts'
import { FieldValues } from './field-values.ts'

const space = 0x20
const equals = 0x3d
const quote = 0x22

// Bytes that end a key and an unquoted value. The line break behind a line is among them, so that no
// loop has to look where the line ends.
const keyStops = stopTable(code => code <= space || code >= 0x80 || isSign(code))
const valueStops = stopTable(code => code <= space || isSign(code))

function isSign(code: number): boolean {
  return code === equals || code === quote
}

function stopTable(stops: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 0x100 }, (_, code) => (stops(code) ? 1 : 0))
}

/** How `| logfmt` was written. */
interface LogfmtForm {
  readonly isStrict: boolean
  readonly keepsEmpty: boolean
  readonly extractions: readonly NamedExpression[]
}

export function createLogfmtFields(stage: LogfmtForm, wanted: FieldNames): FieldReader | undefined {
  if (stage.extractions.length > 0 || stage.isStrict || stage.keepsEmpty) return undefined
  return new LogfmtFields(wanted)
}

// Hot: few checks for each byte, no call.
class LogfmtFields implements FieldReader {
  readonly values: FieldValues
  /** Fields after which nothing matters. */
  readonly #countMax: number
  readonly #keys: KeyMemory<number>

  constructor({ names, areAll, sampled }: FieldNames) {
    this.values = new FieldValues(names.length, sampled)
    this.#countMax = areAll ? names.length : Number.POSITIVE_INFINITY
    this.#keys = createKeyIndexes(names, areAll)
  }

  read(text: BlockText, row: number): boolean {
    const { bytes, lastQuote } = text
    const end = text.endOf(row)
    const { values } = this
    values.start(bytes)
    if (text.hasBackslash(row)) return false
    const { mayBeWanted } = this.#keys
    let at = text.startOf(row)
    for (let place = 0; ; place++) {
      while (at < end && bytes[at]! <= space) at++
      if (at >= end) return true
      const keyStart = at
      while (keyStops[bytes[at]!] === 0) at++
      const code = bytes[at]!
      if (code === quote || code >= 0x80) return false
      // A key without a value is no label.
      if (code !== equals) continue
      const keyEnd = at++
      if (keyEnd === keyStart) return false
      let start = at
      let valueEnd: number
      if (bytes[at] === quote) {
        if (at >= lastQuote) return false
        start = ++at
        while (bytes[at] !== quote) at++
        if (at >= end) return false
        valueEnd = at++
      } else {
        while (valueStops[bytes[at]!] === 0) at++
        if (bytes[at]! > space) return false
        valueEnd = at
      }
      if (mayBeWanted[bytes[keyStart]!] === 0 || valueEnd === start) continue
      const index = this.#keys.at(bytes, keyStart, keyEnd, place)
      if (index < 0) continue
      if (!values.take(index, start, valueEnd)) return false
      if (values.count >= this.#countMax) return true
    }
  }
}
