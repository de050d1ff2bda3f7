// Encodes and decodes the columns of a block. docs/segment-format.md explains the layouts.

import type { MetadataColumn } from '@skald/query'
import { createMetadata, type LabelSet, writeVarint } from '@skald/wire'
import { ByteReader, ByteWriter } from './bytes.ts'

const timeUnits = [1_000_000_000, 1_000_000, 1_000] as const

/**
 * Writes ascending times (nanoseconds since the block's base, below 2^53): one byte for the unit as
 * a power of ten, then each difference to the previous time in that unit, as varints.
 */
export function encodeTimestamps(deltasNs: Float64Array): Buffer {
  const unit = commonUnit(deltasNs)
  const buffer = Buffer.allocUnsafe(1 + deltasNs.length * 8 + 8)
  buffer[0] = Math.round(Math.log10(unit))
  return buffer.subarray(0, writeDeltas(buffer, 1, deltasNs, unit))
}

// Long loops have their own functions, here and wherever code runs over rows. V8 compiles a hot
// loop while it runs; the code after the loop has not run yet, and reaching it would discard the
// compiled code.
function writeDeltas(buffer: Buffer, from: number, deltasNs: Float64Array, unit: number): number {
  let at = from
  let previous = 0
  for (let i = 0; i < deltasNs.length; i++) {
    const current = deltasNs[i]!
    at = writeVarint(buffer, at, unit === 1 ? current - previous : (current - previous) / unit)
    previous = current
  }
  return at
}

/** Finds the largest unit that divides every time. Many programs write whole milliseconds. */
function commonUnit(deltasNs: Float64Array): number {
  return timeUnits.find(unit => areMultiples(deltasNs, unit)) ?? 1
}

function areMultiples(deltasNs: Float64Array, unit: number): boolean {
  for (let i = 0; i < deltasNs.length; i++) if (deltasNs[i]! % unit !== 0) return false
  return true
}

/**
 * Reads what encodeTimestamps wrote. @throws RangeError when the bytes do not hold `rowCount`
 * times.
 */
export function decodeTimestamps(bytes: Buffer, rowCount: number): Float64Array {
  const unit = 10 ** (bytes[0] ?? 0)
  const deltasNs = new Float64Array(rowCount)
  const end = bytes.length
  let at = 1
  let previous = 0
  for (let i = 0; i < rowCount; i++) {
    if (at >= end) throw new RangeError('timestamps end early')
    let byte = bytes[at++]!
    let value = byte & 0x7f
    if (byte >= 0x80) {
      byte = bytes[at++]!
      value |= (byte & 0x7f) << 7
      if (byte >= 0x80) {
        byte = bytes[at++]!
        value |= (byte & 0x7f) << 14
        if (byte >= 0x80) {
          byte = bytes[at++]!
          value |= (byte & 0x7f) << 21
          let factor = 0x10000000
          while (byte >= 0x80) {
            if (at >= end) throw new RangeError('timestamps end early')
            byte = bytes[at++]!
            value += (byte & 0x7f) * factor
            factor *= 128
          }
        }
      }
    }
    previous += value * unit
    deltasNs[i] = previous
  }
  if (at !== end) throw new RangeError('timestamps do not fill their section')
  return deltasNs
}

/** Writes whole numbers below 2^32 as varints. */
export function encodeUints(values: Uint32Array): Buffer {
  const buffer = Buffer.allocUnsafe(values.length * 5 + 8)
  return buffer.subarray(0, writeUints(buffer, values))
}

function writeUints(buffer: Buffer, values: Uint32Array): number {
  let at = 0
  for (let i = 0; i < values.length; i++) at = writeVarint(buffer, at, values[i]!)
  return at
}

/** Reads what encodeUints wrote. @throws RangeError when the bytes do not hold `count` numbers. */
export function decodeUints(bytes: Buffer, count: number): Uint32Array {
  const values = new Uint32Array(count)
  const end = bytes.length
  let at = 0
  for (let i = 0; i < count; i++) {
    let value = 0
    let shift = 0
    let byte: number
    do {
      if (at >= end || shift > 28) throw new RangeError('numbers end early')
      byte = bytes[at++]!
      value |= (byte & 0x7f) << shift
      shift += 7
    } while (byte >= 0x80)
    values[i] = value >>> 0
  }
  if (at !== end) throw new RangeError('numbers do not fill their section')
  return values
}

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

/** Reads what encodeMetadataSets wrote. @throws RangeError when the bytes are not a valid table. */
export function decodeMetadataSets(bytes: Buffer): LabelSet[] {
  const reader = new ByteReader(bytes)
  const texts: string[] = []
  for (let left = boundedCount(reader); left > 0; left--) texts.push(reader.text())
  const sets: LabelSet[] = []
  for (let left = boundedCount(reader); left > 0; left--) {
    const pairs: [string, string][] = []
    for (let pairsLeft = boundedCount(reader); pairsLeft > 0; pairsLeft--) {
      const name = texts[reader.varint()]
      const value = texts[reader.varint()]
      if (name === undefined || value === undefined) throw new RangeError('no such text')
      pairs.push([name, value])
    }
    sets.push(createMetadata(pairs))
  }
  return sets
}

/**
 * Reads only the number of pairs in each set and skips the texts. @throws RangeError like
 * decodeMetadataSets.
 */
export function decodeMetadataSizes(bytes: Buffer): Uint32Array {
  const reader = new ByteReader(bytes)
  for (let left = boundedCount(reader); left > 0; left--) reader.skipText()
  const sizes = new Uint32Array(boundedCount(reader))
  for (let set = 0; set < sizes.length; set++) {
    const pairs = boundedCount(reader)
    for (let left = 2 * pairs; left > 0; left--) reader.varint()
    sizes[set] = pairs
  }
  return sizes
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

/** Returns where each line starts. Lines are laid end to end with one separator byte after each. */
export function lineOffsets(lengths: Uint32Array): Uint32Array {
  const offsets = new Uint32Array(lengths.length + 1)
  let at = 0
  for (let i = 0; i < lengths.length; i++) {
    offsets[i] = at
    at += lengths[i]! + 1
  }
  offsets[lengths.length] = at
  return offsets
}
