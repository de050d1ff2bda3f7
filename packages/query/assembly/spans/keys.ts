// What keys mean. The key at the same place of the line before is tried first.

import {
  firstBytesAt,
  keyCountMax,
  keyLengthMax,
  keysAt,
  mixer,
  placesAt,
  placesMax,
  slotsAt,
  slotsMax,
} from './memory'

/** The new key. */
export let keyStart: i32 = 0
export let keyEnd: i32 = 0

let keyCount: i32 = 0
let keysEnd: i32 = keysAt

/** Forgets all keys. */
export function forgetKeys(): void {
  keyCount = 0
  keysEnd = keysAt
  memory.fill(placesAt, 0, 4 * placesMax)
  memory.fill(slotsAt, 0, 4 * slotsMax)
}

/**
 * Remembers what the new key means: the index of a field, -1 if it is not needed, -2 if only keys in its object
 * may be.
 */
export function addKey(meaning: i32): void {
  const length = keyEnd - keyStart
  const size = 8 + ((length + 7) & ~7)
  const key = keysEnd
  keysEnd += size
  keyCount++
  store<i32>(key, length)
  store<i32>(key + 4, meaning)
  store<u64>(key + size - 8, 0)
  memory.copy(key + 8, keyStart, length)
  let slot = hashOf(keyStart, length) & (slotsMax - 1)
  while (load<u32>(slotsAt + 4 * slot) !== 0) slot = (slot + 1) & (slotsMax - 1)
  store<u32>(slotsAt + 4 * slot, key)
}

/** Returns what a key means, or -3 if it is new, or -4 if it is too long or there are too many. */
export function meaningOf(start: usize, end: usize, place: i32): i32 {
  if (load<u8>(firstBytesAt + load<u8>(start)) === 0) return -1
  const length = <i32>(end - start)
  const isPlace = place < placesMax
  if (isPlace) {
    const known = load<u32>(placesAt + 4 * place)
    if (known !== 0 && isKey(known, start, length)) return load<i32>(known + 4)
  }
  return searchKey(start, length, isPlace ? <usize>(placesAt + 4 * place) : <usize>0)
}

function searchKey(start: usize, length: i32, place: usize): i32 {
  if (length > keyLengthMax) return -4
  let slot = hashOf(start, length) & (slotsMax - 1)
  while (true) {
    const key = load<u32>(slotsAt + 4 * slot)
    if (key === 0) {
      keyStart = <i32>start
      keyEnd = <i32>start + length
      return keyCount >= keyCountMax ? -4 : -3
    }
    if (isKey(key, start, length)) {
      if (place !== 0) store<u32>(place, key)
      return load<i32>(key + 4)
    }
    slot = (slot + 1) & (slotsMax - 1)
  }
}

export function isKey(key: usize, start: usize, length: i32): bool {
  if (load<i32>(key) !== length) return false
  let i = 0
  for (; i + 8 <= length; i += 8) if (load<u64>(key + 8 + i) !== load<u64>(start + i)) return false
  const rest = length - i
  if (rest === 0) return true
  return (load<u64>(key + 8 + i) ^ load<u64>(start + i)) << (64 - 8 * rest) === 0
}

export function hashOf(start: usize, length: i32): i32 {
  let hash = <u64>length * mixer
  let i = 0
  for (; i + 8 <= length; i += 8) hash = (hash ^ load<u64>(start + i)) * mixer
  const rest = length - i
  if (rest > 0) hash = (hash ^ (load<u64>(start + i) << (64 - 8 * rest))) * mixer
  return <i32>(hash >>> 40)
}
