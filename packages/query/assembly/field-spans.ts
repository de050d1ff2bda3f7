// Finds the fields of lines: what json-fields.ts, logfmt-fields.ts, pattern-fields.ts and regexp-fields.ts
// (in ../src/fields) do line by line, for a batch of lines and with SIMD. The language is AssemblyScript.
// release/build-wasm.mjs compiles it, ../src/fields/span-finder.ts calls it. spans/memory.ts shows the memory.

import { findQuotes, findStops } from './spans/bits'
import { jsonLine, logfmtLine } from './spans/keyed-lines'
import { forgetKeys } from './spans/keys'
import {
  clearSpans,
  endsAt,
  found,
  lineStart,
  newKey,
  outcomesAt,
  setNames,
  spansOf,
} from './spans/memory'
import { forgetRests } from './spans/rests'
import { patternLine, regexpLine } from './spans/text-lines'

export { addKey, keyEnd, keyStart } from './spans/keys'
export {
  bytesMax,
  endsAt,
  firstBytesAt,
  idsAt,
  linesAt,
  namesMax,
  outcomesAt,
  programAt,
  programMax,
  rowsMax,
  spansAt,
} from './spans/memory'
export { findRests } from './spans/rests'

/** Forgets all keys and rests, and sets what a line has to give. */
export function reset(names: i32, count: i32): void {
  setNames(names, count)
  forgetKeys()
  forgetRests()
}

/** Reads the lines `from` to `to` as JSON. Returns the row of a new key, or `to`. */
export function readJson(from: i32, to: i32): i32 {
  if (from === 0) findQuotes(to)
  for (let row = from; row < to; row++) {
    clearSpans(row)
    const outcome = jsonLine(lineStart(row), load<u32>(endsAt + 4 * row), spansOf(row))
    if (outcome === newKey) return row
    store<u8>(outcomesAt + row, outcome)
  }
  return to
}

/** Reads lines as logfmt, like `readJson`. */
export function readLogfmt(from: i32, to: i32): i32 {
  if (from === 0) findStops(to)
  for (let row = from; row < to; row++) {
    clearSpans(row)
    const outcome = logfmtLine(lineStart(row), load<u32>(endsAt + 4 * row), spansOf(row))
    if (outcome === newKey) return row
    store<u8>(outcomesAt + row, outcome)
  }
  return to
}

/** Splits lines by the pattern of the program. */
export function readPattern(from: i32, to: i32): i32 {
  for (let row = from; row < to; row++) {
    clearSpans(row)
    patternLine(lineStart(row), load<u32>(endsAt + 4 * row), spansOf(row))
    store<u8>(outcomesAt + row, found)
  }
  return to
}

/** Searches lines for the regular expression of the program. */
export function readRegexp(from: i32, to: i32): i32 {
  for (let row = from; row < to; row++) {
    clearSpans(row)
    const outcome = regexpLine(lineStart(row), load<u32>(endsAt + 4 * row), spansOf(row))
    store<u8>(outcomesAt + row, outcome)
  }
  return to
}
