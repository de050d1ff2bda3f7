// The keys of a block filter: numbers that stand for pieces of text. A text can be in a block only
// if the block has all keys of the text. docs/segment-format.md specifies them.
//
// Texts of `filterTextBytes` bytes or more have keys, whatever their characters are: of each
// `windowGrams` consecutive pieces of `gramBytes` bytes, the one with the lowest hash is a key
// (minimizers: https://doi.org/10.1093/bioinformatics/bth408). Any text also has a key for every
// four letters in a row, which ignores their case.

import { plainCharacters } from '@skald/query/need'
import { type BlockFilter, partsOf } from './block-filter.ts'

/** Bytes of a piece of text that is hashed as a whole. */
const gramBytes = 7
/** Of so many consecutive pieces, the one with the lowest hash is a key. */
const windowGrams = 6
/** Texts of this many bytes or more always have a key. */
export const filterTextBytes = gramBytes + windowGrams - 1

/**
 * How many rows of a filter a key takes. Pieces are many, so one row each. A word has few groups of
 * letters, and an escape or a pair of metadata is often the only key of a search.
 */
const gramRows = 1
const groupRows = 3
const pairRows = 5
const escapeRows = 8

/** A key of a text, and the rows it takes. */
export interface FilterKey {
  readonly hash: number
  readonly rows: number
}

/** Letters in a key that ignores case, at five bits each. */
const groupLetters = 4
const groupMask = (1 << (5 * groupLetters)) - 1
/** Number of different groups of letters. */
export const letterGroups = groupMask + 1

/** Byte → 1 to 26 for a letter of either case, 0 for anything else. */
const letterOf = Uint8Array.from({ length: 256 }, (_, byte) => {
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x7a ? lower - 0x60 : 0
})

/** Spreads the bits of a number evenly. https://github.com/skeeto/hash-prospector */
function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x7feb352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Returns one of the rows of a key, by its index, in a filter of `rowCount` rows. */
export function rowOfKey(hash: number, index: number, rowCount: number): number {
  const { count, rows } = partsOf(rowCount)
  const spread = mix((hash + Math.imul(index, 0x9e3779b1)) | 0)
  const part = count === 3 ? Math.floor(spread * thirds) : 0
  return part * rows + (spread & (rows - 1))
}

/** Turns a 32-bit number into 0, 1 or 2. */
const thirds = 3 / 0x1_0000_0000

/** Sets the bits of a key. `bits` has one bit for each of `rowCount` rows. */
export function setKey(bits: Uint32Array, rowCount: number, { hash, rows }: FilterKey): void {
  for (let index = 0; index < rows; index++) {
    const row = rowOfKey(hash, index, rowCount)
    bits[row >>> 5]! |= 1 << (row & 31)
  }
}

/** Returns whether all bits of a key are set. */
export function hasKey({ bits, rowCount }: BlockFilter, { hash, rows }: FilterKey): boolean {
  for (let index = 0; index < rows; index++) {
    const row = rowOfKey(hash, index, rowCount)
    if (((bits[row >>> 5]! >>> (row & 31)) & 1) === 0) return false
  }
  return true
}

/**
 * Sets the bits of all pieces of text in lines, in a filter of three parts. The lines lie end to end, with
 * a byte between them.
 */
export function setGrams(
  bits: Uint32Array,
  rowCount: number,
  { lines, lengths }: { readonly lines: Uint8Array; readonly lengths: Uint32Array },
): void {
  const filter = { bits, rows: partsOf(rowCount).rows }
  let start = 0
  for (let row = 0; row < lengths.length; row++) {
    const end = start + lengths[row]!
    if (end - start >= filterTextBytes) setGramsOf(filter, lines, start, end)
    start = end + 1
  }
}

// Pieces overlap, so each byte is read once: `word` holds the last four bytes, and `word3` the four
// bytes that ended three bytes before. Together they are the seven bytes of a piece. Hashes are
// compared as signed numbers, which is as good an order as any.
function setGramsOf(
  { bits, rows }: { readonly bits: Uint32Array; readonly rows: number },
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  let word = 0
  for (let at = start; at < start + 3; at++) word = (word >>> 8) | (bytes[at]! << 24)
  let word1 = 0
  let word2 = 0
  let word3 = 0
  let hash1 = 0
  // The lower one of two neighbours, for the last neighbours.
  let two1 = 0
  let two2 = 0
  let two3 = 0
  let two4 = 0
  let last = 0
  const firstGram = start + gramBytes - 1
  const firstWindow = start + filterTextBytes - 1
  for (let at = start + 3; at < end; at++) {
    word3 = word2
    word2 = word1
    word1 = word
    word = (word >>> 8) | (bytes[at]! << 24)
    if (at < firstGram) continue
    let hash = (Math.imul(word3, 0x9e3779b1) + Math.imul(word, 0x85ebca6b)) | 0
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35)
    const two = hash < hash1 ? hash : hash1
    hash1 = hash
    let lowest = two < two2 ? two : two2
    if (two4 < lowest) lowest = two4
    two4 = two3
    two3 = two2
    two2 = two1
    two1 = two
    // Neighbouring windows often have the same lowest hash.
    if (at < firstWindow || (lowest === last && at > firstWindow)) continue
    last = lowest
    let spread = Math.imul(lowest ^ (lowest >>> 16), 0x7feb352d)
    spread = Math.imul(spread ^ (spread >>> 15), 0x846ca68b)
    spread = (spread ^ (spread >>> 16)) >>> 0
    const row = ((spread * thirds) | 0) * rows + (spread & (rows - 1))
    bits[row >>> 5]! |= 1 << (row & 31)
  }
}

/** Returns the keys of the pieces of a text: none if it is shorter than `filterTextBytes`. */
export function gramKeys(text: Uint8Array): FilterKey[] {
  const hashes: number[] = []
  const view = new DataView(text.buffer, text.byteOffset, text.byteLength)
  for (let at = 0; at + gramBytes <= text.length; at++) {
    const first = view.getUint32(at, true)
    const last = view.getUint32(at + gramBytes - 4, true)
    const hash = (Math.imul(first, 0x9e3779b1) + Math.imul(last, 0x85ebca6b)) | 0
    hashes.push(Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35))
  }
  const lowest = new Set<number>()
  for (let at = 0; at + windowGrams <= hashes.length; at++) {
    lowest.add(Math.min(...hashes.slice(at, at + windowGrams)))
  }
  return [...lowest].map(hash => ({ hash, rows: gramRows }))
}

/** Marks the groups of four letters in a text. `found` has one bit for each of `letterGroups`. */
export function markLetterGroups(text: Uint8Array, found: Uint32Array): void {
  let group = 0
  let letters = 0
  for (let at = 0; at < text.length; at++) {
    const letter = letterOf[text[at]!]!
    if (letter === 0) {
      letters = 0
      continue
    }
    group = ((group << 5) | letter) & groupMask
    if (++letters >= groupLetters) found[group >>> 5]! |= 1 << (group & 31)
  }
}

/** Returns the key of a group of letters. */
export function groupKey(group: number): FilterKey {
  return { hash: Math.imul(group + 1, 0xcc9e2d51), rows: groupRows }
}

/** Returns the keys of the groups of letters in a text. */
export function letterKeys(text: Uint8Array): FilterKey[] {
  const groups = new Set<number>()
  let group = 0
  let letters = 0
  for (const byte of text) {
    const letter = letterOf[byte]!
    letters = letter === 0 ? 0 : letters + 1
    group = ((group << 5) | letter) & groupMask
    if (letters >= groupLetters) groups.add(group)
  }
  return [...groups].map(groupKey)
}

/** Returns the key of a pair of structured metadata. */
export function pairKey(name: string, value: string): FilterKey {
  // FNV-1a with 32 bits.
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(`${name}\0${value}`)) {
    hash = Math.imul(hash ^ byte, 0x01000193)
  }
  return { hash, rows: pairRows }
}

/** Returns the key of a name of structured metadata, whatever its value. */
export function nameKey(name: string): FilterKey {
  return pairKey(name, '')
}

/** The key of blocks in which a line has an ordinary character written as an escape. */
export const escapeKey: FilterKey = { hash: 0x5c75, rows: escapeRows }

const escapeStart = Buffer.from('\\u00')
const hexDigits = /^[\da-f]{2}/i
/** A backslash may be the beginning of another escape. */
const escapedPlain = new RegExp(`${plainCharacters}|\\\\`)

/** Returns true if a text has an ordinary character written as an escape. */
export function hasPlainEscape(text: Buffer): boolean {
  for (let at = text.indexOf(escapeStart); at >= 0; at = text.indexOf(escapeStart, at + 1)) {
    const digits = text.toString('latin1', at + escapeStart.length, at + escapeStart.length + 2)
    const code = hexDigits.test(digits) ? Number.parseInt(digits, 16) : 0
    if (escapedPlain.test(String.fromCharCode(code))) return true
  }
  return false
}
