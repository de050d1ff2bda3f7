// Finds the level of a line like Loki 3.7: in its JSON or logfmt fields, otherwise the first word
// that is a level. Works on bytes and never turns a line into a string.

import { levelJsonDepthMax } from '../limits.ts'

/** Levels by number: the index in this list. 0 is a line without a level. */
export const levels = [
  'unknown',
  'trace',
  'debug',
  'info',
  'warn',
  'error',
  'critical',
  'fatal',
] as const
const unknown = 0

/** Length → lower-case spellings of levels with that length. */
const spellings = groupByLength([
  ['trace', 1],
  ['trc', 1],
  ['debug', 2],
  ['dbg', 2],
  ['info', 3],
  ['inf', 3],
  ['information', 3],
  ['warn', 4],
  ['wrn', 4],
  ['warning', 4],
  ['error', 5],
  ['err', 5],
  ['critical', 6],
  ['fatal', 7],
])

interface Spelling {
  readonly bytes: Buffer
  readonly level: number
}

function groupByLength(list: readonly (readonly [text: string, level: number])[]): Spelling[][] {
  const longest = Math.max(...list.map(([text]) => text.length))
  return Array.from({ length: longest + 1 }, (_, length) =>
    list
      .filter(([text]) => text.length === length)
      .map(([text, level]) => ({ bytes: Buffer.from(text), level })),
  )
}

/** Returns the standard spelling of a level. Other texts are returned unchanged. */
export function normaliseLevel(text: string): string {
  const lower = text.toLowerCase()
  const known = spellings[lower.length]?.find(({ bytes }) => bytes.toString() === lower)
  return known ? levels[known.level]! : text
}

/** Names of fields that hold a level, best first, prepared for byte comparison. */
export class LevelFields {
  readonly texts: readonly string[]
  readonly names: readonly Buffer[]
  /** The distinct names in lower case, each with the best rank of its spellings. */
  readonly folded: readonly { readonly name: Buffer; readonly rank: number }[]
  /** Byte → 1 if a name ends with it, in upper or lower case. */
  readonly lastBytes: Uint8Array

  constructor(texts: readonly string[]) {
    const folded = new Map<string, number>()
    for (const [rank, text] of texts.entries()) {
      const lower = text.toLowerCase()
      if (!folded.has(lower)) folded.set(lower, rank)
    }
    this.texts = texts
    this.names = texts.map(text => Buffer.from(text))
    this.folded = [...folded].map(([name, rank]) => ({ name: Buffer.from(name), rank }))
    this.lastBytes = new Uint8Array(256)
    for (const { name } of this.folded) {
      const last = name.at(-1)
      if (last === undefined) continue
      this.lastBytes[last] = 1
      if (last >= 0x61 && last <= 0x7a) this.lastBytes[last - 0x20] = 1
    }
  }
}

/** Lines of a block: line i is `bytes[offsets[i] .. offsets[i] + lengths[i])`. */
export interface LineBytes {
  readonly bytes: Buffer
  readonly offsets: Uint32Array
  readonly lengths: Uint32Array
}

const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const equals = 0x3d

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
}

/** Finds the levels of lines. */
export class LineLevelFinder {
  readonly #lines: LineBytes
  readonly #fields: LevelFields
  /** First `=` at or after the last line checked. A line that ends before it has no pairs. */
  #nextEquals = -1

  constructor(lines: LineBytes, fields: LevelFields) {
    this.#lines = lines
    this.#fields = fields
  }

  /**
   * Returns the levels of the rows whose set is wanted (`isWanted` by set), and 0 for the others.
   */
  levelsOf(rowSets: Uint32Array, isWanted: Uint8Array): Uint8Array {
    const found = new Uint8Array(rowSets.length)
    for (let row = 0; row < rowSets.length; row++) {
      if (isWanted[rowSets[row]!] === 1) found[row] = this.#levelOf(row)
    }
    return found
  }

  /** Must be called with ascending rows. */
  #levelOf(row: number): number {
    const { bytes, offsets, lengths } = this.#lines
    const from = offsets[row]!
    const end = from + lengths[row]!
    return this.#levelOfField(bytes, from, end) ?? levelOfWords(bytes, from, end)
  }

  #levelOfField(bytes: Buffer, from: number, end: number): number | undefined {
    let start = from
    let last = end
    while (start < last && isSpace(bytes[start]!)) start++
    while (last > start && isSpace(bytes[last - 1]!)) last--
    if (last - start > 1 && bytes[start] === openBrace && bytes[last - 1] === closeBrace) {
      return levelOfJson(bytes, start + 1, last, this.#fields)
    }
    if (this.#nextEquals < from) {
      const next = bytes.indexOf(equals, from)
      this.#nextEquals = next < 0 ? bytes.length : next
    }
    const { lastBytes } = this.#fields
    for (let at = this.#nextEquals; at < end; at++) {
      // Most lines with a `=` have no key that could name a level, so they are not parsed.
      if (bytes[at] === equals && at > from && lastBytes[bytes[at - 1]!] === 1) {
        return levelOfLogfmt(bytes, from, end, this.#fields)
      }
    }
    return undefined
  }
}

/**
 * Returns the level of the first string whose key is one of the fields. Stops where the line is no
 * longer JSON.
 */
function levelOfJson(
  bytes: Buffer,
  from: number,
  end: number,
  fields: LevelFields,
): number | undefined {
  let objects = 1
  let arrays = 0
  // The key of the next value; -1 while a key is expected.
  let keyStart = -1
  let keyEnd = -1
  for (let at = from; at < end; at++) {
    const byte = bytes[at]!
    const isPassedOver = arrays > 0 || objects > levelJsonDepthMax
    if (byte === quote) {
      const start = ++at
      while (at < end && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1
      if (isPassedOver) continue
      if (keyStart < 0) {
        keyStart = start
        keyEnd = at
      } else if (isField(bytes, keyStart, keyEnd, fields.names)) {
        return levelOfText(bytes, start, at)
      }
    } else if (byte === 0x2c) keyStart = -1
    else if (byte === openBrace) {
      objects++
      keyStart = -1
    } else if (byte === closeBrace) {
      if (--objects === 0) return undefined
    } else if (byte === 0x5b) arrays++
    else if (byte === 0x5d) arrays--
    else if (keyStart < 0 && !isPassedOver && !isSpace(byte)) return undefined
  }
  return undefined
}

function isField(bytes: Buffer, start: number, end: number, names: readonly Buffer[]): boolean {
  const length = end - start
  for (let k = 0; k < names.length; k++) {
    const name = names[k]!
    if (name.length !== length || name[0] !== bytes[start]) continue
    let i = 1
    while (i < length && name[i] === bytes[start + i]) i++
    if (i === length) return true
  }
  return false
}

/**
 * Scans key=value pairs up to the first syntax error. Returns the level in the best-ranked field,
 * ignoring case.
 */
function levelOfLogfmt(
  bytes: Buffer,
  from: number,
  end: number,
  fields: LevelFields,
): number | undefined {
  let bestRank = fields.names.length
  let bestStart = 0
  let bestEnd = 0
  let at = from
  while (bestRank > 0) {
    while (at < end && bytes[at]! <= 0x20) at++
    if (at >= end) break
    const keyStart = at
    while (at < end && bytes[at]! > 0x20 && bytes[at] !== equals && bytes[at] !== quote) at++
    const keyEnd = at
    let valueStart = at
    let valueEnd = at
    if (at < end && bytes[at]! > 0x20) {
      if (bytes[at] === quote || keyEnd === keyStart) break
      valueStart = ++at
      if (at < end && bytes[at] === quote) {
        valueStart = ++at
        while (at < end && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1
        if (at >= end) break
        valueEnd = at++
      } else {
        while (at < end && bytes[at]! > 0x20 && bytes[at] !== equals && bytes[at] !== quote) at++
        if (at < end && bytes[at]! > 0x20) break
        valueEnd = at
      }
    }
    for (const { name, rank } of fields.folded) {
      if (rank >= bestRank || !equalsFolded(bytes, keyStart, keyEnd, name)) continue
      bestRank = rank
      bestStart = valueStart
      bestEnd = valueEnd
    }
  }
  return bestRank < fields.names.length ? levelOfText(bytes, bestStart, bestEnd) : undefined
}

/** Compares bytes with a lower-case name, ignoring ASCII case. */
function equalsFolded(bytes: Buffer, start: number, end: number, name: Buffer): boolean {
  if (end - start !== name.length) return false
  for (let i = 0; i < name.length; i++) {
    const byte = bytes[start + i]!
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== name[i]) return false
  }
  return true
}

function levelOfText(bytes: Buffer, start: number, end: number): number | undefined {
  const candidates = spellings[end - start]
  if (candidates === undefined) return undefined
  for (let i = 0; i < candidates.length; i++) {
    if (equalsFolded(bytes, start, end, candidates[i]!.bytes)) return candidates[i]!.level
  }
  return undefined
}

/** Words that are levels, in any case. The first one in a line that stands on its own decides. */
const words = [
  ['trace', levels.indexOf('trace')],
  ['debug', levels.indexOf('debug')],
  ['fatal', levels.indexOf('fatal')],
  ['critical', levels.indexOf('critical')],
  ['error', levels.indexOf('error')],
  ['err', levels.indexOf('error')],
  ['warning', levels.indexOf('warn')],
  ['warn', levels.indexOf('warn')],
  ['info', levels.indexOf('info')],
].map(([text, level]) => ({ bytes: Buffer.from(text as string), level: level as number }))

/** Byte → 1 if a word may begin after it, or end before it. */
const leftOfWord = byteTable(' \t\n[({"=')
const rightOfWord = byteTable(' \t\n[](){}:,!"=')

function byteTable(chars: string): Uint8Array {
  const table = new Uint8Array(256)
  for (const byte of Buffer.from(chars)) table[byte] = 1
  return table
}

/** First byte, in upper or lower case → the words that begin with it. */
const wordsByFirstByte = Array.from({ length: 256 }, (_, first) => {
  const found = words.filter(({ bytes }) => bytes[0] === lowerOf(first))
  return found.length > 0 ? found : undefined
})

function lowerOf(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
}

/**
 * Byte pairs that start at the first, second or third byte of a word. For words of three bytes,
 * pairs start at the byte before, the first or the second byte. So checking every third pair of a
 * line finds each word in it. Most lines have no level field and no word, and this runs over all
 * their bytes.
 */
const wordPairs = createWordPairs()

function createWordPairs(): Uint8Array {
  const pairs = new Uint8Array(65_536)
  const add = (a: number, b: number) => {
    for (const one of casesOf(a)) for (const other of casesOf(b)) pairs[one | (other << 8)] = 1
  }
  for (const { bytes } of words) {
    if (bytes.length === 3) {
      for (let left = 0; left < 256; left++) if (leftOfWord[left] === 1) add(left, bytes[0]!)
    }
    for (let i = 0; i < Math.min(3, bytes.length - 1); i++) add(bytes[i]!, bytes[i + 1]!)
  }
  return pairs
}

function casesOf(byte: number): number[] {
  return byte >= 0x61 && byte <= 0x7a ? [byte, byte & ~0x20] : [byte]
}

function levelOfWords(bytes: Buffer, from: number, end: number): number {
  const last = end - 1
  for (let at = from; at < last; at += 3) {
    if (wordPairs[bytes[at]! | (bytes[at + 1]! << 8)] === 0) continue
    for (let start = Math.max(from, at - 2); start <= at + 1; start++) {
      if (start > from && leftOfWord[bytes[start - 1]!] === 0) continue
      const level = wordAt(bytes, start, end)
      if (level >= 0 && !isUrlParameter(bytes, from, start)) return level
    }
  }
  return unknown
}

/** Returns true if the text at a position is the value of a URL parameter: `/x?level=error`. */
function isUrlParameter(bytes: Buffer, from: number, start: number): boolean {
  let at = start - 1
  if (at <= from || bytes[at] !== equals) return false
  while (at > from && isNameByte(bytes[at - 1]!)) at--
  const before = at > from ? bytes[at - 1]! : 0
  return before === 0x3f || before === 0x26
}

function isNameByte(byte: number): boolean {
  const lower = lowerOf(byte)
  return (lower >= 0x61 && lower <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x5f
}

/** Returns the level of the word at a position, or -1 if no word begins there and ends properly. */
function wordAt(bytes: Buffer, start: number, end: number): number {
  const candidates = wordsByFirstByte[bytes[start]!]
  if (candidates === undefined) return -1
  for (let k = 0; k < candidates.length; k++) {
    const { bytes: word, level } = candidates[k]!
    const stop = start + word.length
    if (stop > end || (stop < end && rightOfWord[bytes[stop]!] === 0)) continue
    let i = 1
    while (i < word.length && lowerOf(bytes[start + i]!) === word[i]) i++
    if (i === word.length) return level
  }
  return -1
}
