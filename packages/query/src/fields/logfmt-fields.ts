// Reads logfmt fields from bytes (see field-reader.ts). Leaves lines with escapes, or with anything outside
// the logfmt grammar, to the pipeline.

import type { BlockText } from '../pipeline/block-text.ts'
import type { NamedExpression } from '../tokens/named-expressions.ts'
import type { FieldNames, FieldReader } from './field-reader.ts'
import { KeyedFields } from './keyed-fields.ts'
import { withSpans } from './span-fields.ts'

const space = 0x20
const equals = 0x3d
const quote = 0x22

// Bytes that end a key and an unquoted value. The line break after a line is one of them, so no loop has to
// check for the end of the line.
const keyStops = stopTable(code => code <= space || code >= 0x80 || isSign(code))
const valueStops = stopTable(code => code <= space || isSign(code))

function isSign(code: number): boolean {
  return code === equals || code === quote
}

function stopTable(stops: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 0x100 }, (_, code) => (stops(code) ? 1 : 0))
}

/** The options of `| logfmt`. */
interface LogfmtForm {
  readonly isStrict: boolean
  readonly keepsEmpty: boolean
  readonly extractions: readonly NamedExpression[]
}

export function createLogfmtFields(stage: LogfmtForm, wanted: FieldNames): FieldReader | undefined {
  if (stage.extractions.length > 0 || stage.isStrict || stage.keepsEmpty) return undefined
  const fields = new LogfmtFields(wanted)
  return withSpans(fields, fields.program('Logfmt'))
}

// Hot path: few checks per byte, no calls.
class LogfmtFields extends KeyedFields {
  read(text: BlockText, row: number): boolean {
    const { bytes, lastQuote } = text
    const end = text.endOf(row)
    const { values, keys, countMax } = this
    values.start(bytes)
    if (text.hasBackslash(row)) return false
    const { mayBeWanted } = keys
    let at = text.startOf(row)
    for (let place = 0; ; place++) {
      while (at < end && bytes[at]! <= space) at++
      if (at >= end) return true
      const keyStart = at
      while (keyStops[bytes[at]!] === 0) at++
      const code = bytes[at]!
      if (code === quote || code >= 0x80) return false
      // A key without a value is not a label.
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
      const index = keys.at(bytes, keyStart, keyEnd, place)
      if (index < 0) continue
      if (!values.take(index, start, valueEnd)) return false
      if (values.count >= countMax) return true
    }
  }
}
