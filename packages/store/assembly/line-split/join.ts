// Joins parts to lines.

import {
  bytesMax,
  columnAt,
  columnsMax,
  copy,
  decimalKind,
  hexDigits,
  hexKind,
  hyphen,
  linesMax,
  newline,
  numberDigits,
  offsetsAt,
  partsAt,
  shortTextsAt,
  shortValues,
  slack,
  templatesAt,
  templatesMax,
  textAt,
  textKind,
  uuidBytes,
  uuidKind,
  valuesMax,
} from './memory'

let lineCount: i32 = 0
let templateCount: i32 = 0
let columnCount: i32 = 0
let readAt: i32 = 0

function readVarint(): i32 {
  let value = 0
  let shift = 0
  while (true) {
    const byte = load<u8>(readAt++) as i32
    value |= (byte & 0x7f) << shift
    shift += 7
    if (byte < 0x80 || shift > 28) return value
  }
}

/**
 * Joins the parts at partsAt, whose bytes are given, to text at textAt. Returns its length, or -1 if
 * the parts do not fit together or make more than `most` bytes.
 */
export function join(shape: i32, ids: i32, words: i32, numbers: i32, hex: i32, most: i32): i32 {
  readAt = partsAt
  const idsFrom = partsAt + shape
  const wordsFrom = idsFrom + ids
  const numbersFrom = wordsFrom + words
  const hexFrom = numbersFrom + numbers
  lineCount = readVarint()
  columnCount = readVarint()
  templateCount = readVarint()
  if (lineCount > linesMax || columnCount > columnsMax || templateCount > templatesMax) return -1
  if (ids !== (templateCount <= 256 ? lineCount : 2 * lineCount)) return -1
  if (!readColumns(idsFrom, wordsFrom, numbersFrom, hexFrom, hexFrom + hex)) return -1
  if (!readTemplates(idsFrom)) return -1
  const end = textAt + most
  let at = textAt
  for (let line = 0; line < lineCount; line++) {
    let id = load<u8>(idsFrom + line) as i32
    if (templateCount > 256) id |= (load<u8>(idsFrom + lineCount + line) as i32) << 8
    if (id >= templateCount) return -1
    at = joinLine(load<i32>(templatesAt + 8 * id), at, end)
    if (at < 0) return -1
  }
  return at - textAt
}

// Sets start, cursor and end of each column's values.
function readColumns(shapeEnd: i32, words: i32, numbers: i32, hex: i32, hexEnd: i32): bool {
  let word = words
  let number = numbers
  let digits = hex
  for (let column = 0; column < columnCount; column++) {
    if (readAt + 12 > shapeEnd + slack) return false
    const record = columnAt(column)
    const kind = load<u8>(readAt++) as i32
    const count = readVarint()
    if (kind > uuidKind || count < 0 || count > valuesMax) return false
    store<u8>(record, kind)
    store<i32>(record + 4, count)
    if (kind === decimalKind) {
      const planes = load<u8>(readAt++) as i32
      if (planes < 1 || planes > 4) return false
      store<i32>(record + 16, number)
      store<i32>(record + 20, planes)
      store<i32>(record + 12, number + count)
      number += planes * count
    } else if (kind === textKind) {
      const bytes = readVarint()
      if (bytes < 0 || bytes > bytesMax) return false
      store<i32>(record + 16, word)
      word += bytes
      store<i32>(record + 12, word)
    } else {
      const width = kind === uuidKind ? 16 : (load<u8>(readAt++) as i32)
      if (width < 1 || width > hexDigits / 2) return false
      store<u8>(record + 1, width)
      store<i32>(record + 16, digits)
      digits += width * count
      store<i32>(record + 12, digits)
    }
    if (word > numbers || number > hex || digits > hexEnd) return false
  }
  return word === numbers && number === hex && digits === hexEnd
}

// Finds where each template begins, and that none of it goes beyond its bounds.
function readTemplates(shapeEnd: i32): bool {
  for (let id = 0; id < templateCount; id++) {
    store<i32>(templatesAt + 8 * id, readAt)
    while (true) {
      if (readAt >= shapeEnd) return false
      const length = readVarint()
      if (length < 0 || length > shapeEnd - readAt - 2) return false
      readAt += length
      const column = load<u16>(readAt) as i32
      readAt += 2
      if (column === 0) break
      if (column > columnCount) return false
    }
  }
  return readAt === shapeEnd
}

// Returns the end of the line, or -1.
function joinLine(template: i32, start: i32, end: i32): i32 {
  let at = start
  let from = template
  while (true) {
    let length = load<u8>(from++) as i32
    if (length >= 0x80) {
      readAt = from - 1
      length = readVarint()
      from = readAt
    }
    if (at + length >= end) return -1
    copy(at, from, length)
    at += length
    from += length
    const column = load<u16>(from) as i32
    from += 2
    if (column === 0) {
      store<u8>(at++, newline)
      return at
    }
    const record = columnAt(column - 1)
    const kind = load<u8>(record) as i32
    if (kind === decimalKind) at = joinDecimal(record, at)
    else if (kind === hexKind) at = joinHex(record, at)
    else if (kind === uuidKind) at = joinUuid(record, at)
    else at = joinWord(record, at, end)
    if (at < 0 || at >= end) return -1
  }
}

function joinDecimal(record: i32, at: i32): i32 {
  const count = load<i32>(record + 4)
  const planes = load<i32>(record + 20)
  const cursor = load<i32>(record + 16)
  if (cursor >= load<i32>(record + 12)) return -1
  store<i32>(record + 16, cursor + 1)
  let value = load<u8>(cursor) as u32
  if (planes > 1) {
    value |= (load<u8>(cursor + count) as u32) << 8
    if (planes > 2) {
      value |= (load<u8>(cursor + 2 * count) as u32) << 16
      if (planes > 3) value |= (load<u8>(cursor + 3 * count) as u32) << 24
    }
  }
  if (value < (shortValues as u32)) {
    store<u32>(at, load<u32>(shortTextsAt + 4 * value))
    return at + 1 + ((value >= 10) as i32) + ((value >= 110) as i32)
  }
  let digits = 4
  while (digits < numberDigits && value >= load<u32>(offsetsAt + 4 * digits + 4)) digits++
  value -= load<u32>(offsetsAt + 4 * digits)
  let left = digits
  for (; left >= 2; left -= 2) {
    const rest = value / 100
    const pair = value - 100 * rest
    // Those with two digits begin after the ten with one.
    store<u16>(at + left - 2, load<u16>(shortTextsAt + 4 * (10 + pair)))
    value = rest
  }
  if (left > 0) store<u8>(at, (48 + value) as u8)
  return at + digits
}

function joinHex(record: i32, at: i32): i32 {
  const width = load<u8>(record + 1) as i32
  const cursor = load<i32>(record + 16)
  if (cursor >= load<i32>(record + 12)) return -1
  store<i32>(record + 16, cursor + width)
  for (let i = 0; i < width; i += 8) v128.store(at + 2 * i, hexOf(cursor + i))
  return at + 2 * width
}

// The 16 hexadecimal digits of 8 bytes.
function hexOf(at: i32): v128 {
  const bytes = v128.load64_zero(at)
  const high = v128.and(i16x8.shr_u(bytes, 4), i8x16.splat(15))
  const low = v128.and(bytes, i8x16.splat(15))
  const both = v128.shuffle<u8>(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
  const digits = i8x16(48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102)
  return i8x16.swizzle(digits, both)
}

function joinUuid(record: i32, at: i32): i32 {
  const cursor = load<i32>(record + 16)
  if (cursor >= load<i32>(record + 12)) return -1
  store<i32>(record + 16, cursor + 16)
  const first = hexOf(cursor)
  const second = hexOf(cursor + 8)
  store<u64>(at, i64x2.extract_lane(first, 0))
  store<u8>(at + 8, hyphen)
  store<u32>(at + 9, i32x4.extract_lane(first, 2))
  store<u8>(at + 13, hyphen)
  store<u32>(at + 14, i32x4.extract_lane(first, 3))
  store<u8>(at + 18, hyphen)
  store<u32>(at + 19, i32x4.extract_lane(second, 0))
  store<u8>(at + 23, hyphen)
  store<u32>(at + 24, i32x4.extract_lane(second, 1))
  store<u64>(at + 28, i64x2.extract_lane(second, 1))
  return at + uuidBytes
}

function joinWord(record: i32, at: i32, end: i32): i32 {
  let from = load<i32>(record + 16)
  const last = load<i32>(record + 12)
  if (from >= last) return -1
  while (true) {
    const bytes = v128.load(from)
    v128.store(at, bytes)
    const mask = i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(newline as i8)))
    if (mask !== 0) {
      const length = ctz(mask)
      store<i32>(record + 16, from + length + 1)
      return from + length < last ? at + length : -1
    }
    from += 16
    at += 16
    if (from >= last || at >= end) return -1
  }
}
