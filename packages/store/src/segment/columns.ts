// Encodes and decodes the columns of a block. docs/segment-format.md explains the layouts.

import { writeVarint } from '@skald/wire'
import type { Allocate } from '../buffers.ts'

const timeUnits = [1_000_000_000, 1_000_000, 1_000] as const

/**
 * Writes ascending times (nanoseconds since the block's base, below 2^53): one byte for the unit as
 * a power of ten, then each difference to the previous time in that unit, as varints.
 */
export function encodeTimestamps(
  deltasNs: Float64Array,
  allocate: Allocate = Buffer.allocUnsafe,
): Buffer {
  const unit = commonUnit(deltasNs)
  const buffer = allocate(1 + deltasNs.length * 8 + 8)
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
export function encodeUints(values: Uint32Array, allocate: Allocate = Buffer.allocUnsafe): Buffer {
  const buffer = allocate(values.length * 5 + 8)
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
