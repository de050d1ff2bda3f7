// Names of keys, read from the bytes of lines. Lines of one program mostly have the same keys in the
// same order, so what stood at a place in the line before is tried first.

/** Longest key that is remembered. */
const keyLengthMax = 64
/** Keys of a line that are remembered. */
const placeCountMax = 256

interface KnownKey {
  readonly bytes: Buffer
  readonly name: string
}

/** Gives the name of a key, empty where it is not wanted. */
export interface KeyNaming {
  wantedName(key: string): string
}

/** Turns keys into names; a name that nobody wants is empty. */
export class KeyNames {
  readonly #naming: KeyNaming
  /** First byte of a key → 1 where its name may be wanted. */
  readonly mayBeWanted: Uint8Array
  readonly #known: (KnownKey | undefined)[] = []

  /** @param wanted names that are wanted; `undefined` for all. */
  constructor(naming: KeyNaming, wanted: readonly string[] | undefined) {
    this.#naming = naming
    this.mayBeWanted = wanted ? firstBytesOf(wanted) : new Uint8Array(0x100).fill(1)
  }

  /** Name of the key between two offsets, the one of a place in the line. */
  at(bytes: Buffer, start: number, end: number, place: number): string {
    if (this.mayBeWanted[bytes[start]!] === 0) return ''
    const known = this.#known[place]
    if (known && isEqual(known.bytes, bytes, start, end)) return known.name
    const name = this.#naming.wantedName(bytes.toString('utf8', start, end))
    if (end - start <= keyLengthMax && place < placeCountMax) {
      this.#known[place] = { bytes: Buffer.from(bytes.subarray(start, end)), name }
    }
    return name
  }
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
