// Lines whose fields have keys: JSON and logfmt.

import { nextBit } from './bits'
import { meaningOf } from './keys'
import { countMax, found, keyStopsAt, newKey, quotesAt, unknown, valueStopsAt } from './memory'

export function jsonLine(start: usize, end: usize, spans: usize): i32 {
  let at = start
  if (at >= end || load<u8>(at) !== 0x7b) return unknown
  at++
  let count = 0
  let place = -1
  while (true) {
    place++
    if (load<u8>(at) === 0x20) at++
    if (at >= end || load<u8>(at) !== 0x22) return unknown
    const key = at + 1
    at = nextBit(quotesAt, key, end)
    if (at >= end || load<u8>(at) !== 0x22 || at === key) return unknown
    const keyStop = at++
    if (load<u8>(at) !== 0x3a) return unknown
    at++
    if (load<u8>(at) === 0x20) at++
    const index = meaningOf(key, keyStop, place)
    if (index < -2) return index === -3 ? newKey : unknown
    const first = load<u8>(at)
    let value = at
    let valueEnd = at
    if (first === 0x22) {
      value = at + 1
      at = nextBit(quotesAt, value, end)
      if (at >= end || load<u8>(at) !== 0x22) return unknown
      valueEnd = at++
    } else if ((first >= 0x30 && first <= 0x39) || first === 0x2d) {
      let code = first
      while (code > 0x20 && code !== 0x2c && code !== 0x7d && code !== 0x5d) {
        if (code === 0x5c) return unknown
        code = load<u8>(++at)
      }
      valueEnd = at
    } else {
      if (index !== -1) return unknown
      at = skipJson(at, end)
    }
    if (at >= end || at === 0) return unknown
    if (index >= 0) {
      const span = spans + 8 * index
      if (load<u32>(span) === 0) {
        store<u32>(span, <u32>value)
        store<u32>(span + 4, <u32>valueEnd)
        if (++count >= countMax) return found
      }
    }
    if (load<u8>(at) === 0x20) at++
    const code = load<u8>(at++)
    if (code === 0x7d) return at <= end ? found : unknown
    if (code !== 0x2c || at > end) return unknown
  }
}

/** Returns the offset after an object, array or word, or 0 for anything odd. */
function skipJson(at: usize, end: usize): usize {
  const first = load<u8>(at)
  if (first !== 0x7b && first !== 0x5b) {
    const word = load<u32>(at)
    // `true`, `null`, `fals` and `e`.
    if (word === 0x65757274 || word === 0x6c6c756e) return at + 4
    return word === 0x736c6166 && load<u8>(at + 4) === 0x65 ? at + 5 : 0
  }
  const last: u8 = first === 0x7b ? 0x7d : 0x5d
  let depth = 0
  for (; at < end; at++) {
    const code = load<u8>(at)
    if (code === 0x22) {
      at = nextBit(quotesAt, at + 1, end)
      if (at >= end || load<u8>(at) !== 0x22) return 0
    } else if (code === 0x5c) return 0
    else if (code === first) depth++
    else if (code === last && --depth === 0) return at + 1
  }
  return 0
}

export function logfmtLine(start: usize, end: usize, spans: usize): i32 {
  let at = start
  let count = 0
  let place = -1
  while (true) {
    place++
    while (at < end && load<u8>(at) <= 0x20) at++
    if (at >= end) return found
    const key = at
    at = nextBit(keyStopsAt, at, end)
    const code = load<u8>(at)
    if (code !== 0x3d) {
      // A key without a value is not a label.
      if (code <= 0x20) continue
      return unknown
    }
    const keyStop = at++
    if (keyStop === key) return unknown
    let value = at
    let valueEnd = at
    if (load<u8>(at) === 0x22) {
      value = at + 1
      at = nextBit(quotesAt, value, end)
      if (at >= end || load<u8>(at) !== 0x22) return unknown
      valueEnd = at++
    } else {
      at = nextBit(valueStopsAt, at, end)
      if (load<u8>(at) > 0x20) return unknown
      valueEnd = at
    }
    if (value === valueEnd) continue
    const index = meaningOf(key, keyStop, place)
    if (index < -2) return index === -3 ? newKey : unknown
    if (index < 0) continue
    const span = spans + 8 * index
    if (load<u32>(span) !== 0) continue
    store<u32>(span, <u32>value)
    store<u32>(span + 4, <u32>valueEnd)
    if (++count >= countMax) return found
  }
}
