// The level that a line tells, as Loki 3.4 finds it: by its JSON or logfmt fields, else by words in it.
// Works over bytes; a line never becomes a string.

/** Levels as numbers: the index here; 0 is a line that tells none. */
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
const info = levels.indexOf('info')
const warn = levels.indexOf('warn')
const error = levels.indexOf('error')
const critical = levels.indexOf('critical')
const debug = levels.indexOf('debug')

/** By length: lower-case spellings of levels. */
const spellings = groupByLength([
  ['trace', 1],
  ['trc', 1],
  ['debug', 2],
  ['dbg', 2],
  ['info', 3],
  ['inf', 3],
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

/** Names of fields that hold a level, best first, prepared for comparing bytes. */
export class LevelFields {
  readonly texts: readonly string[]
  readonly names: readonly Buffer[]
  /** The same in lower case, each once, with the best rank of its spellings. */
  readonly folded: readonly { readonly name: Buffer; readonly rank: number }[]
  /** By byte: 1 where a name ends with it, in whichever case. */
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
  /** First `=` at or after the last line that was asked about; a line before it has no pairs. */
  #nextEquals = -1

  constructor(lines: LineBytes, fields: LevelFields) {
    this.#lines = lines
    this.#fields = fields
  }

  /** The levels of the rows whose set is wanted (`isWanted` by set); 0 for the others. */
  levelsOf(rowSets: Uint32Array, isWanted: Uint8Array): Uint8Array {
    const found = new Uint8Array(rowSets.length)
    for (let row = 0; row < rowSets.length; row++) {
      if (isWanted[rowSets[row]!] === 1) found[row] = this.#levelOf(row)
    }
    return found
  }

  /** Rows are asked for in their order. */
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
      // Most lines with a `=` have no key that could be a level's: they are not taken apart.
      if (bytes[at] === equals && at > from && lastBytes[bytes[at - 1]!] === 1) {
        return levelOfLogfmt(bytes, from, end, this.#fields)
      }
    }
    return undefined
  }
}

/** Looks among the top-level keys for the best-ranked field; the text of its value decides. */
function levelOfJson(
  bytes: Buffer,
  from: number,
  end: number,
  fields: LevelFields,
): number | undefined {
  let depth = 0
  let isKey = true
  let bestRank = fields.names.length
  let bestStart = 0
  let bestEnd = 0
  for (let at = from; at < end; at++) {
    const byte = bytes[at]!
    if (byte === quote) {
      const textStart = ++at
      while (at < end && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1
      if (depth !== 0 || !isKey) continue
      isKey = false
      const rank = rankOf(bytes, textStart, at, fields.names, bestRank)
      if (rank < 0) continue
      const value = jsonValue(bytes, at + 1, end)
      bestRank = rank
      bestStart = value.start
      bestEnd = value.end
      if (rank === 0) break
    } else if (byte === 0x2c) {
      if (depth === 0) isKey = true
    } else if (byte === openBrace || byte === 0x5b) depth++
    else if (byte === closeBrace || byte === 0x5d) depth--
  }
  return bestRank < fields.names.length ? levelOfText(bytes, bestStart, bestEnd) : undefined
}

/** Index of a name that equals the bytes, if it is better than `below`; else -1. */
// biome-ignore lint/complexity/useMaxParams: called for every key of every line.
function rankOf(
  bytes: Buffer,
  start: number,
  end: number,
  names: readonly Buffer[],
  below: number,
): number {
  const length = end - start
  for (let rank = 0; rank < below; rank++) {
    const name = names[rank]!
    if (name.length !== length || name[0] !== bytes[start]) continue
    let i = 1
    while (i < length && name[i] === bytes[start + i]) i++
    if (i === length) return rank
  }
  return -1
}

/** The text of the value after a key: without quotes for a string, up to `,` or `}` for the rest. */
function jsonValue(bytes: Buffer, from: number, end: number): { start: number; end: number } {
  let at = from
  while (at < end && (isSpace(bytes[at]!) || bytes[at] === 0x3a)) at++
  if (bytes[at] === quote) {
    const start = ++at
    while (at < end && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1
    return { start, end: at }
  }
  const start = at
  while (at < end && bytes[at] !== 0x2c && bytes[at] !== closeBrace && !isSpace(bytes[at]!)) at++
  return { start, end: at }
}

/** Scans key=value pairs for the best-ranked field, in any case. */
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
  while (at < end) {
    while (at < end && bytes[at]! <= 0x20) at++
    const keyStart = at
    while (at < end && bytes[at]! > 0x20 && bytes[at] !== 0x3d && bytes[at] !== quote) at++
    if (bytes[at] !== 0x3d || at >= end) {
      // No key=value here; a lone quote would stop the scan for good.
      if (at < end && bytes[at]! > 0x20) at++
      continue
    }
    const keyEnd = at++
    let valueStart = at
    let valueEnd: number
    if (bytes[at] === quote) {
      valueStart = ++at
      while (at < end && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1
      valueEnd = Math.min(at++, end)
    } else {
      while (at < end && bytes[at]! > 0x20) at++
      valueEnd = at
    }
    if (valueEnd === valueStart) continue
    for (const { name, rank } of fields.folded) {
      if (rank >= bestRank || !equalsFolded(bytes, keyStart, keyEnd, name)) continue
      bestRank = rank
      bestStart = valueStart
      bestEnd = valueEnd
    }
    if (bestRank === 0) break
  }
  return bestRank < fields.names.length ? levelOfText(bytes, bestStart, bestEnd) : undefined
}

/** Compares bytes, ASCII letters in any case, with a lower-case name. */
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

/**
 * Words that hint at a level, in the order in which Loki asks for them, in lower case or in capitals.
 * The first word of the list that occurs anywhere in the line decides.
 */
const words: readonly { readonly text: string; readonly level: number }[] = [
  { text: 'info', level: info },
  { text: 'err:', level: error },
  { text: 'error', level: error },
  { text: 'warn:', level: warn },
  { text: 'warning', level: warn },
  { text: 'critical:', level: critical },
  { text: 'debug:', level: debug },
]
const spelledWords = words.flatMap(({ text }, rank) =>
  [text, text.toUpperCase()].map(spelling => ({ bytes: Buffer.from(spelling), rank })),
)
/** First byte → the words that begin with it. */
const wordsByFirstByte = Array.from({ length: 256 }, (_, first) => {
  const found = spelledWords.filter(({ bytes }) => bytes[0] === first)
  return found.length > 0 ? found : undefined
})

/**
 * Pairs of bytes that begin at the first, second or third byte of a word: every word has four bytes or
 * more, so looking at every third pair of a line meets each word that is in it. Most lines have no
 * level field and no word, and this runs over all their bytes.
 */
const wordPairs = createWordPairs()

function createWordPairs(): Uint8Array {
  const pairs = new Uint8Array(65_536)
  for (const { bytes } of spelledWords) {
    for (let i = 0; i < 3; i++) pairs[bytes[i]! | (bytes[i + 1]! << 8)] = 1
  }
  return pairs
}

/** Hashes of the three bytes at every place in a word: few other texts share one. */
const wordTriples = createWordTriples()

function createWordTriples(): Uint8Array {
  const triples = new Uint8Array(8192)
  for (const { bytes } of spelledWords) {
    for (let i = 0; i + 2 < bytes.length; i++) {
      triples[hashTriple(bytes[i]!, bytes[i + 1]!, bytes[i + 2]!)] = 1
    }
  }
  return triples
}

function hashTriple(a: number, b: number, c: number): number {
  return (a + b * 37 + c * 1369) & 8191
}

function levelOfWords(bytes: Buffer, from: number, end: number): number {
  let best = words.length
  const last = end - 1
  for (let at = from; at < last; at += 3) {
    const a = bytes[at]!
    const b = bytes[at + 1]!
    if (wordPairs[a | (b << 8)] === 0) continue
    // A word goes on with its next byte, or its last two are these and one was before.
    const goesOn = at + 2 < end && wordTriples[hashTriple(a, b, bytes[at + 2]!)] === 1
    if (!goesOn && (at === from || wordTriples[hashTriple(bytes[at - 1]!, a, b)] === 0)) continue
    best = bestWordAround(bytes, Math.max(from, at - 2), at, end, best)
    if (best === 0) break
  }
  return best < words.length ? words[best]!.level : unknown
}

/** The best-ranked word that begins between `from` and `to`, both included, if better than `best`. */
// biome-ignore lint/complexity/useMaxParams: called for every line that has no field.
function bestWordAround(
  bytes: Buffer,
  from: number,
  to: number,
  end: number,
  best: number,
): number {
  let found = best
  for (let start = from; start <= to; start++) {
    const candidates = wordsByFirstByte[bytes[start]!]
    if (candidates === undefined) continue
    for (let k = 0; k < candidates.length; k++) {
      const { bytes: word, rank } = candidates[k]!
      if (bytes[start + 1] !== word[1] || rank >= found || start + word.length > end) continue
      let i = 2
      while (i < word.length && bytes[start + i] === word[i]) i++
      if (i === word.length) found = rank
    }
  }
  return found
}
