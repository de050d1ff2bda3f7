// The shape of a line, from its bytes: a number that two lines share only where they have the same tokens
// (tokens.ts). Most lines of a stream have few shapes, so that their text is looked at once for each.

import { lineCharsMax } from './tokens.ts'

/** What a byte is: part of a word, a digit, a hexadecimal letter, between words, or of a longer letter. */
const word = 0
const digit = 1
const hexLetter = 2
const between = 3
const longer = 4

const colon = 0x3a
const quote = 0x22
const hexWordLeast = 8
/** Stands for a word that stands for anything. */
const masked = 0x5f3759df

const kinds = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x80) return longer
  const character = String.fromCharCode(byte)
  if (/[0-9]/.test(character)) return digit
  if (/[a-fA-F]/.test(character)) return hexLetter
  // As the separators of tokens.ts; the colon depends on what is before it.
  return /[\s=]|(?![_\-.:/])\p{P}/u.test(character) ? between : word
})

/**
 * Returns the shape of the line in `bytes` from `start` to `end`; -1 where only its text can tell, since it is
 * longer than what is looked at and has letters of several bytes.
 */
export function shapeOf(bytes: Buffer, start: number, end: number): number {
  const isCut = end - start > lineCharsMax
  const stop = isCut ? start + lineCharsMax : end
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
    // Letters of several bytes may be digits, or part words: such a word counts as it stands.
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
