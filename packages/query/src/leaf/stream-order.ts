// Orders streams at equal times by a hash of their labels, like Loki, so that a limit cuts off the same
// entries.

import { parseLabelSet } from '@skald/wire'
import { streamHashesMax } from '../limits.ts'

let known = new Map<string, bigint>()

/** Compares two streams, given as canonical label sets. */
export function compareStreams(a: string, b: string): number {
  if (a === b) return 0
  const hashA = hashOf(a)
  const hashB = hashOf(b)
  if (hashA !== hashB) return hashA < hashB ? -1 : 1
  return a < b ? -1 : 1
}

function hashOf(stream: string): bigint {
  const remembered = known.get(stream)
  if (remembered !== undefined) return remembered
  const separator = Buffer.of(0xff)
  const parts = parseLabelSet(stream).flatMap(({ name, value }) => [
    Buffer.from(name),
    separator,
    Buffer.from(value),
    separator,
  ])
  const hash = xxHash64(Buffer.concat(parts))
  if (known.size >= streamHashesMax) known = new Map()
  known.set(stream, hash)
  return hash
}

const prime1 = 0x9e3779b185ebca87n
const prime2 = 0xc2b2ae3d27d4eb4fn
const prime3 = 0x165667b19e3779f9n
const prime4 = 0x85ebca77c2b2ae63n
const prime5 = 0x27d4eb2f165667c5n

function wrap(value: bigint): bigint {
  return BigInt.asUintN(64, value)
}

function rotate(value: bigint, bits: bigint): bigint {
  return wrap((value << bits) | (value >> (64n - bits)))
}

function round(lane: bigint, input: bigint): bigint {
  return wrap(rotate(wrap(lane + input * prime2), 31n) * prime1)
}

/** Returns the XXH64 hash with seed 0. */
export function xxHash64(bytes: Buffer): bigint {
  const { length } = bytes
  let at = 0
  let hash = prime5
  if (length >= 32) {
    let lanes = [wrap(prime1 + prime2), prime2, 0n, wrap(-prime1)]
    for (; at + 32 <= length; at += 32) {
      const start = at
      lanes = lanes.map((lane, i) => round(lane, bytes.readBigUInt64LE(start + 8 * i)))
    }
    const turns = [1n, 7n, 12n, 18n]
    hash = wrap(lanes.reduce((sum, lane, i) => sum + rotate(lane, turns[i]!), 0n))
    for (const lane of lanes) hash = wrap((hash ^ round(0n, lane)) * prime1 + prime4)
  }
  hash = wrap(hash + BigInt(length))
  for (; at + 8 <= length; at += 8) {
    hash = wrap(rotate(hash ^ round(0n, bytes.readBigUInt64LE(at)), 27n) * prime1 + prime4)
  }
  if (at + 4 <= length) {
    hash = wrap(hash ^ (BigInt(bytes.readUInt32LE(at)) * prime1))
    hash = wrap(rotate(hash, 23n) * prime2 + prime3)
    at += 4
  }
  for (; at < length; at++) {
    hash = wrap(rotate(wrap(hash ^ (BigInt(bytes[at]!) * prime5)), 11n) * prime1)
  }
  hash = wrap((hash ^ (hash >> 33n)) * prime2)
  hash = wrap((hash ^ (hash >> 29n)) * prime3)
  return hash ^ (hash >> 32n)
}
