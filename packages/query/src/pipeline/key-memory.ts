// Keys, read from the bytes of lines. Lines of one program mostly have the same keys in the same order,
// so what stood at a place in the line before is tried first.

import { Extraction } from './extraction.ts'

/** Longest key that is remembered. */
const keyLengthMax = 64
/** Keys of a line that are remembered. */
const placeCountMax = 256

interface KnownKey<T> {
  readonly bytes: Buffer
  readonly meaning: T
}

/** What a key means to a parser. */
export interface KeyMeanings<T> {
  /** Of a key that nobody wants. */
  readonly unwanted: T
  of(key: string): T
}

/** Turns keys into what they mean: a name, or the index of one. */
export class KeyMemory<T> {
  readonly #meanings: KeyMeanings<T>
  readonly #unwanted: T
  /** First byte of a key → 1 where it may be wanted. */
  readonly mayBeWanted: Uint8Array
  readonly #known: (KnownKey<T> | undefined)[] = []

  /** @param wanted names that are wanted; `undefined` for all. */
  constructor(meanings: KeyMeanings<T>, wanted: readonly string[] | undefined) {
    this.#meanings = meanings
    this.#unwanted = meanings.unwanted
    this.mayBeWanted = wanted ? firstBytesOf(wanted) : new Uint8Array(0x100).fill(1)
  }

  /** Meaning of the key between two offsets, the one of a place in the line. */
  at(bytes: Buffer, start: number, end: number, place: number): T {
    if (this.mayBeWanted[bytes[start]!] === 0) return this.#unwanted
    const known = this.#known[place]
    if (known && isEqual(known.bytes, bytes, start, end)) return known.meaning
    const meaning = this.#meanings.of(bytes.toString('utf8', start, end))
    if (end - start <= keyLengthMax && place < placeCountMax) {
      this.#known[place] = { bytes: Buffer.from(bytes.subarray(start, end)), meaning }
    }
    return meaning
  }
}

/** Names of keys as an extraction takes them; empty where nobody wants them. */
export function createKeyNames(extraction: Extraction): KeyMemory<string> {
  const of = (key: string) => extraction.wantedName(key)
  return new KeyMemory({ unwanted: '', of }, extraction.wanted)
}

/** Index of a field that nobody wants, and of one that only the beginning of a name is wanted of. */
export const unwantedField = -1
export const innerField = -2

/** Indexes of keys among the names that are wanted. */
export function createKeyIndexes(names: readonly string[], areAll: boolean): KeyMemory<number> {
  const extraction = new Extraction({ names: new Set(names), stopsEarly: areAll })
  const of = (key: string) => {
    const name = extraction.wantedName(key)
    if (name === '') return unwantedField
    const index = names.indexOf(name)
    return index < 0 ? innerField : index
  }
  return new KeyMemory({ unwanted: unwantedField, of }, names)
}

function isEqual(key: Buffer, bytes: Buffer, start: number, end: number): boolean {
  const { length } = key
  if (end - start !== length) return false
  for (let i = 0; i < length; i++) if (bytes[start + i] !== key[i]) return false
  return true
}

// Letters stay what they are; any other byte may become an underscore, be cut off or escaped.
function firstBytesOf(names: readonly string[]): Uint8Array {
  const table = new Uint8Array(0x100).fill(1)
  for (const [from, to] of [
    [0x41, 0x5a],
    [0x61, 0x7a],
  ] as const) {
    table.fill(0, from, to + 1)
  }
  for (const name of names) if (name !== '') table[name.charCodeAt(0)] = 1
  return table
}
