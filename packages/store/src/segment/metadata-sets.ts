// Encodes and decodes the distinct metadata sets of a block. docs/segment-format.md explains the layout.

import type { MetadataColumn, MetadataTable } from '@skald/query'
import { createMetadata, type LabelSet } from '@skald/wire'
import { ByteReader, ByteWriter } from './bytes.ts'

/**
 * Writes the distinct metadata sets of a block: a table of texts, then each set as pairs of
 * indexes.
 */
export function encodeMetadataSets(sets: readonly LabelSet[]): Buffer {
  const texts = new Map<string, number>()
  const indexOf = (text: string): number => {
    let index = texts.get(text)
    if (index === undefined) {
      index = texts.size
      texts.set(text, index)
    }
    return index
  }
  const body = new ByteWriter()
  body.varint(sets.length)
  for (const set of sets) {
    body.varint(set.length)
    for (const { name, value } of set) {
      body.varint(indexOf(name))
      body.varint(indexOf(value))
    }
  }
  const head = new ByteWriter()
  head.varint(texts.size)
  for (const text of texts.keys()) head.text(text)
  head.bytes(body.finish())
  return head.finish()
}

/**
 * The sets that encodeMetadataSets wrote. A search for one id compares bytes: it decodes no other text
 * of the block, which may have one or more for each row.
 */
export class StoredSets implements MetadataTable {
  readonly #bytes: Buffer
  /** Where each text starts and ends: two numbers for each. */
  readonly #texts: Uint32Array
  /** Set → its first pair, and one number more. */
  readonly #starts: Uint32Array
  /** Two indexes of texts for each pair. */
  readonly #pairs: Uint32Array
  #sets: LabelSet[] | undefined

  /** @throws RangeError when the bytes are not a valid table. */
  constructor(bytes: Buffer) {
    const reader = new ByteReader(bytes)
    const textCount = boundedCount(reader)
    const texts = new Uint32Array(2 * textCount)
    for (let i = 0; i < texts.length; i += 2) {
      const length = reader.varint()
      texts[i] = bytes.length - reader.remaining
      texts[i + 1] = texts[i]! + length
      reader.skip(length)
    }
    const starts = new Uint32Array(boundedCount(reader) + 1)
    // A pair takes at least two bytes.
    const pairs = new Uint32Array(reader.remaining)
    let filled = 0
    for (let set = 0; set + 1 < starts.length; set++) {
      starts[set] = filled / 2
      for (let left = 2 * boundedCount(reader); left > 0; left--) {
        const text = reader.varint()
        if (text >= textCount) throw new RangeError('no such text')
        pairs[filled++] = text
      }
    }
    starts[starts.length - 1] = filled / 2
    this.#bytes = bytes
    this.#texts = texts
    this.#starts = starts
    this.#pairs = pairs.subarray(0, filled)
  }

  get setCount(): number {
    return this.#starts.length - 1
  }

  /** All sets. They are decoded once. */
  get sets(): readonly LabelSet[] {
    if (!this.#sets) {
      const texts: string[] = []
      for (let i = 0; i < this.#texts.length; i += 2) texts.push(this.#text(i / 2))
      const textOf = (index: number) => texts[index]!
      this.#sets = Array.from({ length: this.setCount }, (_, set) => this.#decode(set, textOf))
    }
    return this.#sets
  }

  setAt(index: number): LabelSet {
    return this.#sets?.[index] ?? this.#decode(index, text => this.#text(text))
  }

  /** Set → number of its pairs. */
  pairCounts(): Uint32Array {
    const counts = new Uint32Array(this.setCount)
    for (let set = 0; set < counts.length; set++) {
      counts[set] = this.#starts[set + 1]! - this.#starts[set]!
    }
    return counts
  }

  sizesBytes(): Uint32Array {
    const sizes = new Uint32Array(this.setCount)
    for (let set = 0; set < sizes.length; set++) {
      for (let i = 2 * this.#starts[set]!; i < 2 * this.#starts[set + 1]!; i++) {
        const text = 2 * this.#pairs[i]!
        sizes[set]! += this.#texts[text + 1]! - this.#texts[text]!
      }
    }
    return sizes
  }

  hasName(name: string): boolean {
    const index = this.#find(name)
    if (index < 0) return false
    for (let i = 0; i < this.#pairs.length; i += 2) if (this.#pairs[i] === index) return true
    return false
  }

  setsWith(name: string, value: string): Uint8Array {
    const marks = new Uint8Array(this.setCount)
    const nameIndex = this.#find(name)
    const valueIndex = nameIndex < 0 ? -1 : this.#find(value)
    if (valueIndex < 0) return marks
    for (let set = 0; set < marks.length; set++) {
      for (let i = 2 * this.#starts[set]!; i < 2 * this.#starts[set + 1]!; i += 2) {
        if (this.#pairs[i] === nameIndex && this.#pairs[i + 1] === valueIndex) marks[set] = 1
      }
    }
    return marks
  }

  /** Returns the index of a text, -1 if no set has it. Every text is there once. */
  #find(text: string): number {
    const wanted = Buffer.from(text)
    const { length } = wanted
    const bytes = this.#bytes
    for (let i = 0; i < this.#texts.length; i += 2) {
      const start = this.#texts[i]!
      const end = this.#texts[i + 1]!
      if (end - start !== length) continue
      // Most ids differ here, and a call costs more than two bytes.
      if (bytes[start] !== wanted[0] || bytes[end - 1] !== wanted[length - 1]) continue
      if (wanted.compare(bytes, start, end) === 0) return i / 2
    }
    return -1
  }

  #text(index: number): string {
    return this.#bytes.toString('utf8', this.#texts[2 * index]!, this.#texts[2 * index + 1]!)
  }

  #decode(set: number, textOf: (index: number) => string): LabelSet {
    const pairs: [string, string][] = []
    for (let i = 2 * this.#starts[set]!; i < 2 * this.#starts[set + 1]!; i += 2) {
      pairs.push([textOf(this.#pairs[i]!), textOf(this.#pairs[i + 1]!)])
    }
    return createMetadata(pairs)
  }
}

/**
 * Reads a count. Every item takes at least a byte, so a count above the bytes left means damage.
 */
function boundedCount(reader: ByteReader): number {
  const count = reader.varint()
  if (count > reader.remaining) throw new RangeError('count exceeds the bytes left')
  return count
}

/** Returns a metadata column for rows without metadata. */
export function emptyMetadata(rowCount: number): MetadataColumn {
  return { sets: [[]], rowSets: new Uint32Array(rowCount) }
}
