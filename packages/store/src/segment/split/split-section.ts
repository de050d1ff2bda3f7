// Lines of a block as a section of a segment: split, and each part compressed.
//
//   | bytes varint, of each part | codec u8, stored bytes varint, of each group | the groups |

import { type Allocate, releaseBuffer } from '../../buffers.ts'
import { splitBytesLeast, splitBytesMax, splitSampleBytes, splitShareMax } from '../../limits.ts'
import { ByteReader, ByteWriter } from '../bytes.ts'
import { decodeUints } from '../columns.ts'
import { type Codec, codecs, type SectionRecord } from '../format.ts'
import { pack, packedShare, unpack } from '../packing.ts'
import type { LineSplitter, SplitParts } from './parts.ts'
import { joinInScript, splitInScript } from './script-split.ts'
import { SplitSearch } from './split-search.ts'
import { openWasmSplitter } from './wasm-split.ts'

/**
 * Parts that are compressed together, because each call of zstd costs as much as 50 KB of its work. A
 * search needs the first group only.
 */
const partGroups = [
  ['shape', 'ids', 'words', 'rows'],
  ['numbers', 'hex'],
] as const
const storedNames = partGroups.flat()

/** The parts, and what tells rows from lines. */
interface StoredParts extends SplitParts {
  /** How many lines each row has, as varints. Empty if each has one. */
  readonly rows: Buffer
}

const newline = 10

let splitter: LineSplitter | undefined

/** One for each thread: it has memory of its own. */
function threadSplitter(): LineSplitter {
  splitter ??= openWasmSplitter() ?? { split: splitInScript, join: joinInScript }
  return splitter
}

/**
 * Packs the lines of a block: split if that makes them smaller. Whether it does is judged by their
 * first bytes, because compressing all of them twice would cost more than it brings.
 *
 * @param lengths Row → bytes of its text, without the `\n` behind it.
 */
export function packLines(lines: Buffer, lengths: Uint32Array): { codec: Codec; stored: Buffer } {
  const split = encodeSplit(lines, lengths)
  if (!split) return pack(lines)
  const shareMax = splitShareMax * packedShare(lines.subarray(0, splitSampleBytes))
  return split.length <= lines.length * shareMax
    ? { codec: codecs.split, stored: split }
    : pack(lines)
}

/**
 * Returns the bytes of a section. Split lines are joined in memory that `allocate` returns.
 * @throws RangeError, or the error of zlib, if the section is damaged.
 */
export function unpackSection(
  stored: Buffer,
  { codec, rawBytes }: SectionRecord,
  allocate: Allocate = Buffer.allocUnsafeSlow,
): Buffer {
  if (codec === codecs.raw) return stored
  if (codec !== codecs.split) return unpack(stored, rawBytes)
  const section = new SplitSection(stored)
  const lines = section.join(rawBytes, allocate)
  section.release()
  return lines
}

/**
 * Splits lines that end with `\n` and compresses the parts. Returns `undefined` if the lines have no
 * common form.
 */
function encodeSplit(lines: Buffer, lengths: Uint32Array): Buffer | undefined {
  if (lines.length < splitBytesLeast || lines.length > splitBytesMax) return undefined
  const split = threadSplitter().split(lines)
  if (!split) return undefined
  const parts: StoredParts = { ...split, rows: encodeRows(split, lines, lengths) }
  const head = new ByteWriter(64)
  for (const name of storedNames) head.varint(parts[name].length)
  const packed = partGroups.map(names => pack(Buffer.concat(names.map(name => parts[name]))))
  for (const { codec, stored } of packed) {
    head.u8(codec)
    head.varint(stored.length)
  }
  return Buffer.concat([head.finish(), ...packed.map(({ stored }) => stored)])
}

/** Counts the lines of each row. A text with line breaks was split as several lines. */
function encodeRows({ shape }: SplitParts, lines: Buffer, lengths: Uint32Array): Buffer {
  const lineCount = new ByteReader(shape).varint()
  if (lineCount === lengths.length) return Buffer.alloc(0)
  const writer = new ByteWriter(lengths.length + 8)
  let next = lines.indexOf(newline)
  let end = 0
  for (const length of lengths) {
    end += length + 1
    let count = 0
    for (; next >= 0 && next < end; next = lines.indexOf(newline, next + 1)) count++
    writer.varint(count)
  }
  return writer.finish()
}

/** How parts that are compressed together are stored. */
export interface StoredGroup {
  readonly parts: readonly string[]
  readonly codec: number
  readonly storedBytes: number
  readonly rawBytes: number
}

/**
 * Returns the shape of the lines in a section, and how its groups of parts are stored.
 * @throws as `unpackSection`.
 */
export function readShape(section: Buffer): {
  readonly shape: Buffer
  readonly groups: readonly StoredGroup[]
} {
  const { lengths, groups, heads } = readHead(section)
  const [shape] = cut(groups[0](), lengths.slice(0, 1))
  const inFirst = partGroups[0].length
  const raw = [sumOf(lengths.slice(0, inFirst)), sumOf(lengths.slice(inFirst))]
  return {
    shape: shape!,
    groups: heads.map((head, i) => ({ parts: partGroups[i]!, ...head, rawBytes: raw[i]! })),
  }
}

interface SectionHead {
  /** Bytes of the parts. */
  readonly lengths: readonly number[]
  /** How each group is stored. */
  readonly heads: readonly { readonly codec: number; readonly storedBytes: number }[]
  /** Code that unpacks each group. */
  readonly groups: readonly [() => Buffer, () => Buffer]
}

function readHead(section: Buffer): SectionHead {
  const reader = new ByteReader(section)
  const lengths = storedNames.map(() => reader.varint())
  if (lengths.some(length => length > splitBytesMax)) {
    throw new RangeError('a part of split lines is too long')
  }
  const heads = partGroups.map(() => ({ codec: reader.u8(), storedBytes: reader.varint() }))
  let first = 0
  const groups = heads.map(({ codec, storedBytes }, group) => {
    const last = first + partGroups[group]!.length
    const rawBytes = sumOf(lengths.slice(first, last))
    first = last
    const stored = reader.bytes(storedBytes)
    if (codec === codecs.zstd) return () => unpack(stored, rawBytes)
    if (codec !== codecs.raw || rawBytes !== storedBytes) {
      throw new RangeError('a part of split lines is damaged')
    }
    return () => stored
  })
  return { lengths, heads, groups: groups as [() => Buffer, () => Buffer] }
}

function sumOf(lengths: readonly number[]): number {
  return lengths.reduce((sum, length) => sum + length, 0)
}

function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  let at = 0
  return lengths.map(length => {
    at += length
    return bytes.subarray(at - length, at)
  })
}

/** A section of split lines. Unpacks each group of parts once, when something needs it. */
export class SplitSection {
  readonly #section: Buffer
  readonly #head: SectionHead
  readonly #unpacked: (Buffer | undefined)[] = []

  /** This and all methods below: @throws as `unpackSection`. */
  constructor(section: Buffer) {
    this.#section = section
    this.#head = readHead(section)
  }

  /** Returns what finds texts without the lines. Do not use it after `release`. */
  search(rowCount: number): SplitSearch {
    const [shape, ids, words, rows] = this.#parts(0)
    const lineCounts = rows!.length === 0 ? undefined : decodeUints(rows!, rowCount)
    return new SplitSearch({ shape: shape!, ids: ids!, words: words! }, rowCount, lineCounts)
  }

  /** Returns the lines: `lineBytes` with all `\n`, in memory that `allocate` returns. */
  join(lineBytes: number, allocate: Allocate): Buffer {
    if (lineBytes > splitBytesMax) throw new RangeError('split lines are too long')
    const parts = [...this.#parts(0), ...this.#parts(1)]
    const named = Object.fromEntries(storedNames.map((name, i) => [name, parts[i]]))
    const lines = threadSplitter().join(named as unknown as StoredParts, lineBytes, allocate)
    if (lines.length !== lineBytes) throw new RangeError('split lines have the wrong length')
    return lines
  }

  /** Frees the memory of unpacked parts. */
  release(): void {
    for (const group of this.#unpacked) {
      if (group && group.buffer !== this.#section.buffer) releaseBuffer(group)
    }
    this.#unpacked.length = 0
  }

  #parts(group: 0 | 1): Buffer[] {
    this.#unpacked[group] ??= this.#head.groups[group]()
    const inFirst = partGroups[0].length
    const { lengths } = this.#head
    return cut(
      this.#unpacked[group],
      group === 0 ? lengths.slice(0, inFirst) : lengths.slice(inFirst),
    )
  }
}
