// Splits lines: finds their values, columns and templates.

import {
  classOf,
  columnAt,
  columnBytes,
  columnSlots,
  columnsMax,
  columnTableAt,
  copy,
  decimalKind,
  digitsAt,
  endsAt,
  hexAt,
  hexDigits,
  hexKind,
  hyphen,
  idsAt,
  isDigit,
  isHexLetter,
  linesMax,
  newline,
  numberDigits,
  offsetsAt,
  shortToken,
  slack,
  templateBytesAt,
  templateBytesMax,
  templateSlots,
  templatesAt,
  templatesMax,
  templateTableAt,
  textAt,
  textKind,
  tokenDigits,
  uuidBytes,
  uuidKind,
  valuesAt,
  valuesMax,
  wordFactor,
  writeVarint,
} from './memory'
import { writeParts } from './parts'

let lineCount: i32 = 0
let templateCount: i32 = 0
let columnCount: i32 = 0
let valueCount: i32 = 0
let templatesEnd: i32 = 0
/** Where the current template is written. */
let to: i32 = 0
/** Start of the text that was not written to the template yet. */
let literal: i32 = 0
/** Hash of the text before the last value, and of the values before it. */
let context: u32 = 0

/**
 * Splits `length` bytes at textAt, the last of which is `\n`, and writes the parts. Returns false if
 * there are more lines, templates, columns or values than there is room for.
 */
export function split(length: i32): bool {
  const end = textAt + length
  memory.fill(end, 0, slack)
  memory.fill(templateTableAt, 0, 8 * templateSlots)
  memory.fill(columnTableAt, 0, 8 * columnSlots)
  lineCount = 0
  templateCount = 0
  columnCount = 0
  valueCount = 0
  templatesEnd = templateBytesAt
  markBytes(length)
  let at = textAt
  while (at < end) {
    const lineEnd = endOfLine(at)
    if (!splitLine(at, lineEnd)) return false
    at = lineEnd + 1
  }
  return writeParts(lineCount, columnCount, templateCount, valueCount)
}

// One bit a byte: digits, hexadecimal digits, and bytes that end a token.
function markBytes(length: i32): void {
  const zero = i8x16.splat(48)
  const a = i8x16.splat(97)
  for (let i = 0; i < length; i += 16) {
    const bytes = v128.load(textAt + i)
    const digits = i8x16.lt_u(i8x16.sub(bytes, zero), i8x16.splat(10))
    const letters = i8x16.lt_u(i8x16.sub(v128.or(bytes, i8x16.splat(32)), a), i8x16.splat(26))
    const others = v128.or(i8x16.eq(bytes, i8x16.splat(95)), i8x16.lt_s(bytes, i8x16.splat(0)))
    const inToken = v128.or(v128.or(digits, letters), others)
    const hexLetters = i8x16.lt_u(i8x16.sub(bytes, a), i8x16.splat(6))
    store<u16>(digitsAt + (i >>> 3), i8x16.bitmask(digits) as u16)
    store<u16>(hexAt + (i >>> 3), i8x16.bitmask(v128.or(digits, hexLetters)) as u16)
    store<u16>(endsAt + (i >>> 3), ~i8x16.bitmask(inToken) as u16)
  }
  // A search ends behind the text at the latest.
  const after = ((length + 15) >>> 4) << 1
  memory.fill(digitsAt + after, 0xff, 16)
  memory.fill(endsAt + after, 0xff, 16)
}

// The first byte at or after `at` whose bit is set.
function nextBit(bitmap: i32, at: i32): i32 {
  let index = at - textAt
  const word = load<u64>(bitmap + ((index >>> 6) << 3)) >>> (index & 63)
  if (word !== 0) return at + (ctz(word) as i32)
  index = (index | 63) + 1
  while (true) {
    const next = load<u64>(bitmap + (index >>> 3))
    if (next !== 0) return textAt + index + (ctz(next) as i32)
    index += 64
  }
}

function endOfLine(start: i32): i32 {
  let at = start
  while (true) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(newline as i8)))
    if (mask !== 0) return at + ctz(mask)
    at += 16
  }
}

function splitLine(start: i32, lineEnd: i32): bool {
  if (lineCount === linesMax) return false
  to = templatesEnd
  literal = start
  context = 0
  let at = start
  while (true) {
    const digit = nextBit(digitsAt, at)
    if (digit >= lineEnd) break
    let token = digit
    while (token > at && classOf(token - 1) !== 0) token--
    at = addToken(token, digit, nextBit(endsAt, digit))
    if (at === 0) return false
  }
  if (!addLiteral(lineEnd)) return false
  store<u16>(to, 0)
  to += 2
  const id = templateOf(templatesEnd)
  if (id < 0) return false
  store<u16>(idsAt + 2 * lineCount++, id as u16)
  return true
}

// Up to 57 bits from a byte of the text on.
function bitsAt(bitmap: i32, at: i32): u64 {
  const index = at - textAt
  return load<u64>(bitmap + (index >>> 3)) >>> (index & 7)
}

// Adds the values of a token with a digit. Returns where to look on, or 0 if there is no room.
function addToken(token: i32, digit: i32, end: i32): i32 {
  const length = end - token
  if (length > shortToken) return addLongToken(token, end)
  const all: u64 = ((1 as u64) << length) - 1
  const digits = bitsAt(digitsAt, token) & all
  if (digits === all && length <= tokenDigits) return addDigits(token, end) ? end : 0
  if ((bitsAt(hexAt, token) & all) === all) {
    if (length === 8 && isUuid(token)) {
      return addValue(uuidKind, 0, token, token, token + uuidBytes) ? token + uuidBytes : 0
    }
    if (length >= 4 && (length & 1) === 0) {
      return addValue(hexKind, length >>> 1, token, token, end) ? end : 0
    }
  }
  // Letters before digits, or no more than two letters behind them.
  const changes = popcnt((digits ^ (digits >>> 1)) & (all >>> 1))
  if (changes === 1 && digit > token && end - digit <= tokenDigits) {
    return addDigits(digit, end) ? end : 0
  }
  if (changes <= 2 && digit === token) {
    const letters = ctz(~digits) as i32
    const after = min(letters + (ctz(digits >>> letters) as i32), length)
    if (after - letters <= 2 && max(letters, length - after) <= tokenDigits) {
      if (!addDigits(token, token + letters)) return 0
      if (after < length && !addDigits(token + after, end)) return 0
      return end
    }
  }
  return addValue(textKind, 0, token, token, end) ? end : 0
}

// Digests have 64 digits.
function addLongToken(token: i32, end: i32): i32 {
  const length = end - token
  let isHex = length <= hexDigits && (length & 1) === 0
  for (let at = token; isHex && at < end; at++) {
    if ((classOf(at) & (isDigit | isHexLetter)) === 0) isHex = false
  }
  const kind = isHex ? hexKind : textKind
  return addValue(kind, isHex ? length >>> 1 : 0, token, token, end) ? end : 0
}

function addDigits(from: i32, end: i32): bool {
  let at = from
  while (at < end) {
    const digits = min(end - at, numberDigits)
    let value: u32 = 0
    for (let i = 0; i < digits; i++) value = 10 * value + (load<u8>(at + i) as u32) - 48
    value += load<u32>(offsetsAt + 4 * digits)
    if (!addValue(decimalKind, 0, value as i32, at, at + digits)) return false
    at += digits
  }
  return true
}

function isUuid(at: i32): bool {
  for (let i = 8; i < uuidBytes; i++) {
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (load<u8>(at + i) !== hyphen) return false
    } else if ((classOf(at + i) & (isDigit | isHexLetter)) === 0) return false
  }
  return classOf(at + uuidBytes) === 0
}

// Adds the text from `literal` to `start`, and a value that ends at `end`.
function addValue(kind: i32, width: i32, value: i32, start: i32, end: i32): bool {
  if (valueCount === valuesMax) return false
  const column = columnOf(kind, width, start)
  if (column < 0 || !addLiteral(start)) return false
  store<u16>(to, (column + 1) as u16)
  to += 2
  store<i32>(valuesAt + 8 * valueCount, column)
  store<i32>(valuesAt + 8 * valueCount + 4, value)
  valueCount++
  const record = columnAt(column)
  store<u32>(record + 4, load<u32>(record + 4) + 1)
  if (kind === decimalKind) store<u32>(record + 8, max(load<u32>(record + 8), value as u32))
  else if (kind === textKind) store<u32>(record + 8, load<u32>(record + 8) + (end - start) + 1)
  literal = end
  return true
}

function addLiteral(end: i32): bool {
  const length = end - literal
  if (to + length + 8 > templateBytesAt + templateBytesMax) return false
  to = writeVarint(to, length)
  copy(to, literal, length)
  to += length
  return true
}

// A column is known by its kind and the up to eight bytes of text before its values. If there are
// fewer than four, the value before counts as well.
function columnOf(kind: i32, width: i32, start: i32): i32 {
  const length = start - literal
  const near =
    length >= 8
      ? load<u64>(start - 8)
      : length === 0
        ? 0
        : load<u64>(start - 8) >>> (64 - 8 * length)
  let hash: u32 = ((near as u32) ^ (((near >>> 32) as u32) * 0x9e3779b1)) * 0x85ebca6b
  if (length < 4) hash = (hash ^ context) * 0xc2b2ae35 + 1
  hash ^= hash >>> 15
  context = hash
  const spread: u32 = (hash + ((kind << 8) | width)) * 0x9e3779b1
  let slot = (spread >>> 20) as i32
  while (true) {
    const at = columnTableAt + 8 * slot
    const column = load<i32>(at + 4) - 1
    if (column < 0) return addColumn(at, hash, kind, width)
    const record = columnAt(column)
    const isSame = load<u8>(record) === kind && load<u8>(record + 1) === width
    if (load<u32>(at) === hash && isSame) return column
    slot = (slot + 1) & (columnSlots - 1)
  }
}

function addColumn(slotAt: i32, hash: u32, kind: i32, width: i32): i32 {
  if (columnCount === columnsMax) return -1
  const column = columnCount++
  store<u32>(slotAt, hash)
  store<i32>(slotAt + 4, columnCount)
  const record = columnAt(column)
  memory.fill(record, 0, columnBytes)
  store<u8>(record, kind)
  store<u8>(record + 1, width)
  return column
}

// Looks up the template from `from` to `to`, and keeps it if it is new.
function templateOf(from: i32): i32 {
  const length = to - from
  // Compared in words of eight bytes.
  store<u64>(to, 0)
  let hash: u64 = length as u64
  for (let at = from; at < to; at += 8) {
    hash = (hash ^ load<u64>(at)) * wordFactor
    hash ^= hash >>> 29
  }
  const short = (hash >>> 32) as u32
  let slot = (short & (templateSlots - 1)) as i32
  while (true) {
    const at = templateTableAt + 8 * slot
    const id = load<i32>(at + 4) - 1
    if (id < 0) {
      if (templateCount === templatesMax) return -1
      store<u32>(at, short)
      store<i32>(at + 4, ++templateCount)
      store<i32>(templatesAt + 8 * (templateCount - 1), from)
      store<i32>(templatesAt + 8 * (templateCount - 1) + 4, length)
      templatesEnd = (to + 7) & ~7
      return templateCount - 1
    }
    const known = load<i32>(templatesAt + 8 * id)
    const isLong = load<i32>(templatesAt + 8 * id + 4) === length
    if (load<u32>(at) === short && isLong && areEqual(known, from, length)) return id
    slot = (slot + 1) & (templateSlots - 1)
  }
}

function areEqual(a: i32, b: i32, length: i32): bool {
  for (let i = 0; i < length; i += 8) if (load<u64>(a + i) !== load<u64>(b + i)) return false
  return true
}
