// Rests: what is left of a line without the values of its fields. Equal rests have equal numbers.

import { hashOf, isKey } from './keys'
import {
  endsAt,
  idsAt,
  lineStart,
  nameCount,
  namesMax,
  outcomesAt,
  restAt,
  restCountMax,
  restLengthMax,
  restSlotsAt,
  restSlotsMax,
  restsAt,
  restsBytes,
  spansOf,
  unknown,
} from './memory'

let restCount: i32 = 0
let restsEnd: i32 = restsAt

/** Forgets all rests. */
export function forgetRests(): void {
  restCount = 0
  restsEnd = restsAt
  memory.fill(restSlotsAt, 0, 4 * restSlotsMax)
}

/** Numbers the rests of lines that were read. -1 for a line that lacks the first field, or is odd or long. */
export function findRests(count: i32): void {
  for (let row = 0; row < count; row++) store<i32>(idsAt + 4 * row, restOf(row))
}

function restOf(row: i32): i32 {
  const spans = spansOf(row)
  const start = lineStart(row)
  const end: usize = load<u32>(endsAt + 4 * row)
  if (load<u8>(outcomesAt + row) === unknown || load<u32>(spans) === 0) return -1
  if (<i32>(end - start) > restLengthMax - 4 * namesMax) return -1
  let to: usize = restAt
  let from = start
  let done = 0
  while (true) {
    let index = -1
    let stop = end
    for (let i = 0; i < nameCount; i++) {
      const at: usize = load<u32>(spans + 8 * i)
      if (at === 0 || (done & (1 << i)) !== 0 || at >= stop) continue
      index = i
      stop = at
    }
    to = copyText(from, stop, to)
    if (index < 0) break
    // Marks the place of the field. No text of a line is mistaken for it: the field is not there.
    store<u16>(to, <u16>(index << 8))
    to += 2
    done |= 1 << index
    from = load<u32>(spans + 8 * index + 4)
  }
  const length = <i32>(to - restAt)
  const slot = hashOf(restAt, length) & (restSlotsMax - 1)
  return numberOf(slot, length)
}

function numberOf(first: i32, length: i32): i32 {
  let slot = first
  while (true) {
    const rest: usize = load<u32>(restSlotsAt + 4 * slot)
    if (rest === 0) break
    if (isKey(rest, restAt, length)) return load<i32>(rest + 4)
    slot = (slot + 1) & (restSlotsMax - 1)
  }
  const size = 8 + ((length + 7) & ~7)
  if (restCount >= restCountMax || restsEnd + size > restsAt + restsBytes) return -1
  store<i32>(restsEnd, length)
  store<i32>(restsEnd + 4, restCount)
  memory.copy(restsEnd + 8, restAt, length)
  store<u32>(restSlotsAt + 4 * slot, restsEnd)
  restsEnd += size
  return restCount++
}

// Copies in steps of 8, so it may write up to 7 bytes too many.
function copyText(from: usize, end: usize, to: usize): usize {
  let at = from
  let target = to
  for (; at < end; at += 8) {
    store<u64>(target, load<u64>(at))
    target += 8
  }
  return to + (end - from)
}
