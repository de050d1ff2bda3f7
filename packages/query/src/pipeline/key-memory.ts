// Caches keys read from the bytes of lines. Lines of one program mostly have the same keys in the same
// order, so the key at the same place in the previous line is tried first.

import { keyLengthMax, placeCountMax } from '../limits.ts'
import { Extraction } from './extraction.ts'

interface KnownKey<T> {
  readonly bytes: Buffer
  readonly meaning: T
}

/** What a key means to a parser. */
export interface KeyMeanings<T> {
  /** The meaning of a key that is not needed. */
  readonly unwanted: T
  of(key: string): T
}

/** Maps keys to their meanings: a name, or the index of one. */
export class KeyMemory<T> {
  readonly #meanings: KeyMeanings<T>
  readonly #unwanted: T
  /** First byte of a key → 1 if the key may be needed. */
  readonly mayBeWanted: Uint8Array
  readonly #known: (KnownKey<T> | undefined)[] = []

  /** @param wanted the names needed; `undefined` for all. */
  constructor(meanings: KeyMeanings<T>, wanted: readonly string[] | undefined) {
    this.#meanings = meanings
    this.#unwanted = meanings.unwanted
    this.mayBeWanted = wanted ? firstBytesOf(wanted) : new Uint8Array(0x100).fill(1)
  }

  /** Returns the meaning of a key. */
  meaningOf(key: string): T {
    return this.#meanings.of(key)
  }

  /** Returns the meaning of the key between two offsets. `place` is the key's position in the line. */
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

/** Maps keys to the names that an extraction uses. Empty for keys that are not needed. */
export function createKeyNames(extraction: Extraction): KeyMemory<string> {
  const of = (key: string) => extraction.wantedName(key)
  return new KeyMemory({ unwanted: '', of }, extraction.wanted)
}

/** Index of a field that is not needed, and of one whose name is only the prefix of a needed one. */
export const unwantedField = -1
export const innerField = -2

/** Maps keys to their index among the needed names. */
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

// Letters stay the same. Any other byte may become an underscore, be trimmed or escaped.
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
