// Finds the fields of lines: what json-fields.ts, logfmt-fields.ts, pattern-fields.ts and regexp-fields.ts
// (in ../src/fields) do line by line, for a batch of lines and with SIMD. The language is AssemblyScript.
// release/build-wasm.mjs compiles it, ../src/fields/span-finder.ts calls it.
//
//   | first bytes | places | slots | keys | program | line ends | outcomes | spans |
//   | quotes | ends of values | ends of keys | lines | gap |
//
// A span is a start and an end, both addresses here; 0 and 0 if the line lacks the field.

/** Most lines of a call. */
export const rowsMax: i32 = 2048
/** Most bytes of a call, with the byte after each line. */
export const bytesMax: i32 = 1 << 16
/** Most fields to find. */
export const namesMax: i32 = 8
/** Bytes for a program: texts, tables and steps. */
export const programMax: i32 = 1 << 14

const placesMax: i32 = 256
const slotsMax: i32 = 2048
const keyCountMax: i32 = 1000
const keyLengthMax: i32 = 64
/** Each key takes its length and its meaning, and its bytes in steps of 8. */
const keysBytes: i32 = keyCountMax * (8 + keyLengthMax)
/** A bit for each byte, and the rest of the last 64. */
const bitsBytes: i32 = bytesMax / 8 + 16
const mixer: u64 = ((<u64>0x9e3779b9) << 32) | 0x7f4a7c15

/** First byte of a key → 1 if the key may be needed. */
export const firstBytesAt: i32 = 0
const placesAt: i32 = 256
const slotsAt: i32 = placesAt + 4 * placesMax
const keysAt: i32 = slotsAt + 4 * slotsMax
export const programAt: i32 = keysAt + keysBytes
/** Row → address after its last byte. */
export const endsAt: i32 = programAt + programMax
/** Row → 1 if its spans are certain, 0 if only the pipeline can find its labels. */
export const outcomesAt: i32 = endsAt + 4 * rowsMax
export const spansAt: i32 = outcomesAt + rowsMax
const quotesAt: i32 = spansAt + 8 * rowsMax * namesMax
const valueStopsAt: i32 = quotesAt + bitsBytes
const keyStopsAt: i32 = valueStopsAt + bitsBytes
export const linesAt: i32 = keyStopsAt + bitsBytes

const unknown: i32 = 0
const found: i32 = 1
/** A key is new: JavaScript has to say what it means. */
const newKey: i32 = 2

/** The new key. */
export let keyStart: i32 = 0
export let keyEnd: i32 = 0

let nameCount: i32 = 0
/** Fields after which a line needs no further reading. */
let countMax: i32 = 0
let keyCount: i32 = 0
let keysEnd: i32 = keysAt

/** Forgets all keys, and sets what a line has to give. */
export function reset(names: i32, count: i32): void {
  nameCount = names
  countMax = count
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
  let slot = hashOf(keyStart, length)
  while (load<u32>(slotsAt + 4 * slot) !== 0) slot = (slot + 1) & (slotsMax - 1)
  store<u32>(slotsAt + 4 * slot, key)
}

/** Reads the lines `from` to `to` as JSON. Returns the row of a new key, or `to`. */
export function readJson(from: i32, to: i32): i32 {
  if (from === 0) findQuotes(to)
  for (let row = from; row < to; row++) {
    clearSpans(row)
    const outcome = jsonLine(lineStart(row), load<u32>(endsAt + 4 * row), spansOf(row))
    if (outcome === newKey) return row
    store<u8>(outcomesAt + row, outcome)
  }
  return to
}

/** Reads lines as logfmt, like `readJson`. */
export function readLogfmt(from: i32, to: i32): i32 {
  if (from === 0) findStops(to)
  for (let row = from; row < to; row++) {
    clearSpans(row)
    const outcome = logfmtLine(lineStart(row), load<u32>(endsAt + 4 * row), spansOf(row))
    if (outcome === newKey) return row
    store<u8>(outcomesAt + row, outcome)
  }
  return to
}

/** Splits lines by the pattern of the program. */
export function readPattern(from: i32, to: i32): i32 {
  for (let row = from; row < to; row++) {
    clearSpans(row)
    patternLine(lineStart(row), load<u32>(endsAt + 4 * row), spansOf(row))
    store<u8>(outcomesAt + row, found)
  }
  return to
}

/** Searches lines for the regular expression of the program. */
export function readRegexp(from: i32, to: i32): i32 {
  for (let row = from; row < to; row++) {
    clearSpans(row)
    const outcome = regexpLine(lineStart(row), load<u32>(endsAt + 4 * row), spansOf(row))
    store<u8>(outcomesAt + row, outcome)
  }
  return to
}

function lineStart(row: i32): usize {
  return row === 0 ? linesAt : load<u32>(endsAt + 4 * row - 4) + 1
}

function spansOf(row: i32): usize {
  return spansAt + 8 * row * nameCount
}

function clearSpans(row: i32): void {
  const at = spansOf(row)
  for (let i = 0; i < nameCount; i++) store<u64>(at + 8 * i, 0)
}

// ---- keys

/** Returns what a key means, or -3 if it is new, or -4 if it is too long or there are too many. */
function meaningOf(start: usize, end: usize, place: i32): i32 {
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
  let slot = hashOf(start, length)
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

function isKey(key: usize, start: usize, length: i32): bool {
  if (load<i32>(key) !== length) return false
  let i = 0
  for (; i + 8 <= length; i += 8) if (load<u64>(key + 8 + i) !== load<u64>(start + i)) return false
  const rest = length - i
  if (rest === 0) return true
  return (load<u64>(key + 8 + i) ^ load<u64>(start + i)) << (64 - 8 * rest) === 0
}

function hashOf(start: usize, length: i32): i32 {
  let hash = <u64>length * mixer
  let i = 0
  for (; i + 8 <= length; i += 8) hash = (hash ^ load<u64>(start + i)) * mixer
  const rest = length - i
  if (rest > 0) hash = (hash ^ (load<u64>(start + i) << (64 - 8 * rest))) * mixer
  return <i32>(hash >>> 40) & (slotsMax - 1)
}

// ---- bits: one for each byte of the lines, found for all of them before the first line is read. A search then
// looks at 64 bytes at a time.

function findQuotes(count: i32): void {
  const end: usize = load<u32>(endsAt + 4 * count - 4)
  let to: usize = quotesAt
  for (let at: usize = linesAt; at <= end; at += 16) {
    const bytes = v128.load(at)
    const isQuote = i8x16.eq(bytes, i8x16.splat(0x22))
    store<u16>(to, i8x16.bitmask(v128.or(isQuote, i8x16.eq(bytes, i8x16.splat(0x5c)))))
    to += 2
  }
  // A search may read the rest of 64 bits.
  store<u64>(to, 0)
}

function findStops(count: i32): void {
  const end: usize = load<u32>(endsAt + 4 * count - 4)
  let to: usize = 0
  for (let at: usize = linesAt; at <= end; at += 16) {
    const bytes = v128.load(at)
    const isQuote = v128.or(i8x16.eq(bytes, i8x16.splat(0x22)), i8x16.eq(bytes, i8x16.splat(0x5c)))
    const isStop = v128.or(
      v128.or(isQuote, i8x16.eq(bytes, i8x16.splat(0x3d))),
      i8x16.le_u(bytes, i8x16.splat(0x20)),
    )
    store<u16>(quotesAt + to, i8x16.bitmask(isQuote))
    store<u16>(valueStopsAt + to, i8x16.bitmask(isStop))
    store<u16>(keyStopsAt + to, i8x16.bitmask(v128.or(isStop, bytes)))
    to += 2
  }
  store<u64>(quotesAt + to, 0)
  store<u64>(valueStopsAt + to, 0)
  store<u64>(keyStopsAt + to, 0)
}

/** Returns the offset of the next byte with a bit; `end` or more if there is none before it. */
function nextBit(bits: usize, from: usize, end: usize): usize {
  let at = from - linesAt
  let mask = load<u64>(bits + ((at >>> 6) << 3)) >>> (at & 63)
  if (mask !== 0) return from + <usize>ctz(mask)
  at &= ~63
  do {
    at += 64
    if (at + linesAt >= end) return end
    mask = load<u64>(bits + (at >>> 3))
  } while (mask === 0)
  return at + linesAt + <usize>ctz(mask)
}

// ---- JSON

function jsonLine(start: usize, end: usize, spans: usize): i32 {
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

// ---- logfmt

function logfmtLine(start: usize, end: usize, spans: usize): i32 {
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

// ---- pattern: a step is the index of a span or -1, the address of the text that ends it, and its length.
// The first step has the text before the first capture, and the number of captures as its index.

function patternLine(start: usize, end: usize, spans: usize): void {
  const count = load<i32>(programAt)
  const lead = load<u32>(programAt + 4)
  const leadLength = load<i32>(programAt + 8)
  if (start === end || start + leadLength > end) return
  if (!isText(start, lead, leadLength)) return
  let at = start + leadLength
  for (let i = 1; i <= count; i++) {
    const step = programAt + 12 * i
    const length = load<i32>(step + 8)
    const stop: usize = length === 0 ? <usize>0 : findText(at, end, load<u32>(step + 4), length)
    const index = load<i32>(step)
    if (index >= 0) {
      store<u32>(spans + 8 * index, <u32>at)
      store<u32>(spans + 8 * index + 4, <u32>(stop === 0 ? end : stop))
    }
    if (stop === 0) return
    at = stop + length
  }
}

function isText(at: usize, text: usize, length: i32): bool {
  for (let i = 0; i < length; i++) if (load<u8>(at + i) !== load<u8>(text + i)) return false
  return true
}

/** Returns the offset of a text, or 0. */
function findText(from: usize, end: usize, text: usize, length: i32): usize {
  const first = i8x16.splat(load<i8>(text))
  const last = i8x16.splat(load<i8>(text + length - 1))
  for (let at = from; at + length <= end; at += 16) {
    let mask = i8x16.bitmask(
      v128.and(i8x16.eq(v128.load(at), first), i8x16.eq(v128.load(at + length - 1), last)),
    )
    for (; mask !== 0; mask &= mask - 1) {
      const hit = at + <usize>ctz(mask)
      if (hit + length > end) return 0
      if (length <= 2 || isText(hit + 1, text + 1, length - 2)) return hit
    }
  }
  return 0
}

// ---- regular expressions whose every step is certain: a run takes all it can, and what follows it cannot
// begin with a character of the run. Steps have four numbers: kind, argument, least and most.

const stepDone: i32 = 0
const stepByte: i32 = 1
const stepRun: i32 = 2
const stepStart: i32 = 3
const stepEnd: i32 = 4
const stepTextEnd: i32 = 5

/** Where steps begin; before them is the first byte of every match (-1: any, -2: only at the start). */
const stepsAt: i32 = programAt + 16

function regexpLine(start: usize, end: usize, spans: usize): i32 {
  if (!isAscii(start, end)) return unknown
  const first = load<i32>(programAt)
  // A bound on tries that look far ahead: such lines are left to an engine that counts its steps.
  let budget = 4 * <i32>(end - start) + 256
  let at = start
  while (at <= end) {
    if (first >= 0) {
      at = findByte(at, end, <u8>first)
      if (at >= end) break
    }
    if (matchesAt(at, end, spans)) return found
    budget -= <i32>(triedTo - at) + 1
    if (budget < 0) {
      clearSpansAt(spans)
      return unknown
    }
    if (first === -2) break
    at++
  }
  clearSpansAt(spans)
  return found
}

let triedTo: usize = 0

function matchesAt(start: usize, end: usize, spans: usize): bool {
  let at = start
  let step: usize = stepsAt - 16
  while (true) {
    step += 16
    const argument = load<i32>(step + 4)
    switch (load<i32>(step)) {
      case stepDone:
        return true
      case stepByte:
        if (at >= end || <i32>load<u8>(at) !== argument) {
          triedTo = at
          return false
        }
        at++
        break
      case stepRun: {
        const most = load<i32>(step + 12)
        const room = <i32>(end - at)
        const limit = at + <usize>(most < 0 || most > room ? room : most)
        const from = at
        while (at < limit && load<u8>(<usize>argument + load<u8>(at)) !== 0) at++
        if (<i32>(at - from) < load<i32>(step + 8)) {
          triedTo = at
          return false
        }
        break
      }
      case stepStart:
        store<u32>(spans + 8 * argument, <u32>at)
        break
      case stepEnd:
        store<u32>(spans + 8 * argument + 4, <u32>at)
        break
      case stepTextEnd:
        if (at !== end) {
          triedTo = at
          return false
        }
    }
  }
}

function clearSpansAt(spans: usize): void {
  for (let i = 0; i < nameCount; i++) store<u64>(spans + 8 * i, 0)
}

function isAscii(start: usize, end: usize): bool {
  let at = start
  let all = i8x16.splat(0)
  for (; at + 16 <= end; at += 16) all = v128.or(all, v128.load(at))
  for (; at < end; at++) all = v128.or(all, i8x16.splat(load<i8>(at)))
  return i8x16.bitmask(all) === 0
}

function findByte(from: usize, end: usize, byte: u8): usize {
  const wanted = i8x16.splat(byte)
  for (let at = from; at < end; at += 16) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), wanted))
    if (mask !== 0) return at + <usize>ctz(mask)
  }
  return end
}
