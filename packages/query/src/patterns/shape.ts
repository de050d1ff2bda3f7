// Computes the shape of a line from its bytes: a number that two lines share only if they have the same
// tokens (tokens.ts). Most streams have few shapes, so text is decoded only once per shape.

import { patternLineCharsMax } from '../limits.ts'

/**
 * Classes of bytes: part of a word, digit, hexadecimal letter, separator, or part of a multi-byte character.
 */
const word = 0
const digit = 1
const hexLetter = 2
const between = 3
const longer = 4

const colon = 0x3a
const quote = 0x22
const hexWordLeast = 8
/** Hash of a word that any word can replace. */
const masked = 0x5f3759df

const kinds = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x80) return longer
  const character = String.fromCharCode(byte)
  if (/[0-9]/.test(character)) return digit
  if (/[a-fA-F]/.test(character)) return hexLetter
  // The same separators as in tokens.ts. A colon depends on the character before it.
  return /[\s=]|(?![_\-.:/])\p{P}/u.test(character) ? between : word
})

/**
 * Returns the shape of the line in `bytes` from `start` to `end`. Returns -1 if only the text can tell,
 * because the line is longer than the part used and has multi-byte characters.
 */
export function shapeOf(bytes: Buffer, start: number, end: number): number {
  const isCut = end - start > patternLineCharsMax
  const stop = isCut ? start + patternLineCharsMax : end
  let high = isCut ? 1 : 2
  let low = 0x9e3779b9
  let isMany = false
  for (let at = start; at < stop; ) {
    const byte = bytes[at]!
    if (kinds[byte] === between || (byte === colon && at > start && bytes[at - 1] === quote)) {
      high = Math.imul(high ^ byte, 0x85ebca6b)
      low = Math.imul(low + byte, 0xc2b2ae35) ^ (low >>> 15)
      at++
      continue
    }
    let wordHigh = 0x811c9dc5
    let wordLow = 0x1b873593
    let hasDigit = false
    let isHex = true
    let isLonger = false
    const first = at
    for (; at < stop; at++) {
      const next = bytes[at]!
      const kind = kinds[next]!
      if (kind === between || (next === colon && at > first && bytes[at - 1] === quote)) break
      if (kind === digit) hasDigit = true
      else if (kind !== hexLetter) isHex = false
      if (kind === longer) isLonger = true
      wordHigh = Math.imul(wordHigh ^ next, 0x01000193)
      wordLow = Math.imul(wordLow + next, 0x27d4eb2f) ^ (wordLow >>> 13)
    }
    isMany ||= isLonger
    // Multi-byte characters may be digits or separators, so such a word counts unchanged.
    if (!isLonger && (hasDigit || (isHex && at - first >= hexWordLeast))) {
      wordHigh = masked
      wordLow = masked
    }
    high = Math.imul(high ^ wordHigh, 0xcc9e2d51) + 0x52dce729
    low = Math.imul(low + wordLow, 0x7feb352d) ^ (low >>> 16)
  }
  if (isCut && isMany) return -1
  return (high >>> 11) * 2 ** 32 + (low >>> 0)
}
