// Splits lines into templates and columns of values, and joins them again:
// src/segment/split/script-split.ts in WebAssembly. The language is AssemblyScript.
// release/build-wasm.mjs compiles it, and src/segment/split/wasm-split.ts calls it. script-split.ts
// explains what is done and how the parts look; both make the same bytes.

const decimalKind: i32 = 0
const hexKind: i32 = 1
const textKind: i32 = 2
const uuidKind: i32 = 3

const newline: i32 = 10
const hyphen: i32 = 45
const uuidBytes: i32 = 36
const numberDigits: i32 = 9
const tokenDigits: i32 = 27
const hexDigits: i32 = 64
/** Longest token whose bits are read at once. */
const shortToken: i32 = 56

/** Most bytes of text. */
export const bytesMax: i32 = 1 << 21
/** Most lines, templates, columns and values of a text, and most bytes of all templates. */
export const linesMax: i32 = 1 << 17
export const templatesMax: i32 = 4096
export const columnsMax: i32 = 1024
export const valuesMax: i32 = 1 << 19
export const templateBytesMax: i32 = 1 << 19

const wordFactor: u64 = ((0x9e3779b9 as u64) << 32) | 0x7f4a7c15

/** Reads and writes may go this far past an end. */
const slack: i32 = 64
const templateSlots: i32 = 4 * templatesMax
const columnSlots: i32 = 4 * columnsMax
const columnBytes: i32 = 24
const bitmapBytes: i32 = bytesMax / 8 + slack

// Addresses. A text is at textAt while it is split, and where it is joined.
export const textAt: i32 = 4096
const digitsAt: i32 = textAt + bytesMax + 2 * slack
const hexAt: i32 = digitsAt + bitmapBytes
const endsAt: i32 = hexAt + bitmapBytes
const valuesAt: i32 = endsAt + bitmapBytes
const idsAt: i32 = valuesAt + 8 * valuesMax
const templateTableAt: i32 = idsAt + 2 * linesMax
const templatesAt: i32 = templateTableAt + 8 * templateSlots
const columnTableAt: i32 = templatesAt + 8 * templatesMax
const columnsAt: i32 = columnTableAt + 8 * columnSlots
const templateBytesAt: i32 = columnsAt + columnBytes * columnsMax
/** The parts lie end to end from here. */
export const partsAt: i32 = templateBytesAt + templateBytesMax + slack
export const partsMax: i32 = templateBytesMax + 2 * linesMax + bytesMax + 65536

// A class for each byte: 0 ends a token, else bits.
const classAt: i32 = 0
const isLetter: i32 = 1
const isDigit: i32 = 2
const isHexLetter: i32 = 4
const hexPairsAt: i32 = 256
const offsetsAt: i32 = 1024

for (let byte = 0; byte < 256; byte++) {
  let bits = 0
  if (byte >= 48 && byte <= 57) bits = isDigit
  else if (byte >= 97 && byte <= 102) bits = isLetter | isHexLetter
  else if ((byte | 32) >= 97 && (byte | 32) <= 122) bits = isLetter
  else if (byte === 95 || byte >= 128) bits = isLetter
  store<u8>(classAt + byte, bits)
  store<u8>(hexPairsAt + 2 * byte, hexDigit(byte >>> 4))
  store<u8>(hexPairsAt + 2 * byte + 1, hexDigit(byte & 15))
}
let offset: u32 = 0
let power: u32 = 1
for (let digits = 1; digits <= numberDigits + 1; digits++) {
  store<u32>(offsetsAt + 4 * digits, offset)
  power *= 10
  offset += power
}

function hexDigit(value: i32): i32 {
  return value < 10 ? 48 + value : 87 + value
}

// Of a column: kind u8, width u8 | count u32 | highest value or bytes u32 | start u32 | cursor u32 | planes u32
function columnAt(column: i32): i32 {
  return columnsAt + columnBytes * column
}

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

/** Bytes of each part, in their order. */
export let shapeBytes: i32 = 0
export let idBytes: i32 = 0
export let wordBytes: i32 = 0
export let numberBytes: i32 = 0
export let hexBytes: i32 = 0

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
  return writeParts()
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

function classOf(at: i32): i32 {
  return load<u8>(classAt + (load<u8>(at) as i32)) as i32
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

// Writes up to 15 bytes too many.
function copy(target: i32, source: i32, length: i32): void {
  for (let i = 0; i < length; i += 16) v128.store(target + i, v128.load(source + i))
}

function writeVarint(at: i32, value: i32): i32 {
  while (value >= 0x80) {
    store<u8>(at++, (value & 0x7f) | 0x80)
    value >>>= 7
  }
  store<u8>(at++, value)
  return at
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

function planesOf(highest: u32): i32 {
  if (highest < 0x100) return 1
  if (highest < 0x10000) return 2
  return highest < 0x1000000 ? 3 : 4
}

function writeParts(): bool {
  let at = partsAt
  at = writeVarint(at, lineCount)
  at = writeVarint(at, columnCount)
  at = writeVarint(at, templateCount)
  let words = 0
  let numbers = 0
  let digits = 0
  for (let column = 0; column < columnCount; column++) {
    const record = columnAt(column)
    const kind = load<u8>(record) as i32
    const count = load<i32>(record + 4)
    store<u8>(at++, kind)
    at = writeVarint(at, count)
    if (kind === decimalKind) {
      const planes = planesOf(load<u32>(record + 8))
      store<u8>(at++, planes)
      store<i32>(record + 12, numbers)
      store<i32>(record + 20, planes)
      numbers += planes * count
    } else if (kind === textKind) {
      const bytes = load<i32>(record + 8)
      at = writeVarint(at, bytes)
      store<i32>(record + 12, words)
      words += bytes
    } else {
      const width = kind === uuidKind ? 16 : (load<u8>(record + 1) as i32)
      if (kind === hexKind) store<u8>(at++, width)
      store<i32>(record + 12, digits)
      digits += width * count
    }
  }
  for (let id = 0; id < templateCount; id++) {
    const length = load<i32>(templatesAt + 8 * id + 4)
    copy(at, load<i32>(templatesAt + 8 * id), length)
    at += length
  }
  shapeBytes = at - partsAt
  idBytes = templateCount <= 256 ? lineCount : 2 * lineCount
  writeIds(at)
  at += idBytes
  wordBytes = words
  numberBytes = numbers
  hexBytes = digits
  if (words + numbers + digits > bytesMax) return false
  writeValues(at, at + words, at + words + numbers)
  return true
}

function writeIds(at: i32): void {
  for (let line = 0; line < lineCount; line++) {
    const id = load<u16>(idsAt + 2 * line)
    store<u8>(at + line, id as u8)
    if (templateCount > 256) store<u8>(at + lineCount + line, (id >>> 8) as u8)
  }
}

function writeValues(words: i32, numbers: i32, hex: i32): void {
  for (let i = 0; i < valueCount; i++) {
    const record = columnAt(load<i32>(valuesAt + 8 * i))
    const value = load<i32>(valuesAt + 8 * i + 4)
    const kind = load<u8>(record) as i32
    const start = load<i32>(record + 12)
    const cursor = load<i32>(record + 16)
    if (kind === decimalKind) {
      const count = load<i32>(record + 4)
      const planes = load<i32>(record + 20)
      for (let plane = 0; plane < planes; plane++) {
        store<u8>(numbers + start + plane * count + cursor, (value >>> (8 * plane)) as u8)
      }
      store<i32>(record + 16, cursor + 1)
    } else if (kind === textKind) {
      let source = value
      let target = words + start + cursor
      while (classOf(source) !== 0) store<u8>(target++, load<u8>(source++))
      store<u8>(target, newline)
      store<i32>(record + 16, cursor + (source - value) + 1)
    } else if (kind === hexKind) {
      const width = load<u8>(record + 1) as i32
      packHex(hex + start + cursor, value, width)
      store<i32>(record + 16, cursor + width)
    } else {
      const target = hex + start + cursor
      packHex(target, value, 4)
      packHex(target + 4, value + 9, 2)
      packHex(target + 6, value + 14, 2)
      packHex(target + 8, value + 19, 2)
      packHex(target + 10, value + 24, 6)
      store<i32>(record + 16, cursor + 16)
    }
  }
}

// Packs 2 * `width` hexadecimal digits.
function packHex(target: i32, source: i32, width: i32): void {
  for (let i = 0; i < width; i++) {
    const high = valueOfDigit(source + 2 * i)
    store<u8>(target + i, (high << 4) | valueOfDigit(source + 2 * i + 1))
  }
}

function valueOfDigit(at: i32): i32 {
  const byte = load<u8>(at) as i32
  return (byte & 15) + 9 * (byte >>> 6)
}

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
  let digits = 1
  while (digits < numberDigits && value >= load<u32>(offsetsAt + 4 * digits + 4)) digits++
  value -= load<u32>(offsetsAt + 4 * digits)
  for (let i = digits - 1; i >= 0; i--) {
    const rest = value / 10
    store<u8>(at + i, (48 + value - 10 * rest) as u8)
    value = rest
  }
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
