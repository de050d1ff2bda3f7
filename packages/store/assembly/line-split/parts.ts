// Writes the parts of lines that were split.

import {
  bytesMax,
  classOf,
  columnAt,
  copy,
  decimalKind,
  hexKind,
  idsAt,
  newline,
  partsAt,
  templatesAt,
  textKind,
  uuidKind,
  valuesAt,
  writeVarint,
} from './memory'

/** Bytes of each part, in their order. */
export let shapeBytes: i32 = 0
export let idBytes: i32 = 0
export let wordBytes: i32 = 0
export let numberBytes: i32 = 0
export let hexBytes: i32 = 0

function planesOf(highest: u32): i32 {
  if (highest < 0x100) return 1
  if (highest < 0x10000) return 2
  return highest < 0x1000000 ? 3 : 4
}

/**
 * Writes the parts at partsAt. Returns false if there is no room for them.
 */
export function writeParts(
  lineCount: i32,
  columnCount: i32,
  templateCount: i32,
  valueCount: i32,
): bool {
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
  writeIds(at, lineCount, templateCount)
  at += idBytes
  wordBytes = words
  numberBytes = numbers
  hexBytes = digits
  if (words + numbers + digits > bytesMax) return false
  writeValues(valueCount, at, at + words, at + words + numbers)
  return true
}

function writeIds(at: i32, lineCount: i32, templateCount: i32): void {
  for (let line = 0; line < lineCount; line++) {
    const id = load<u16>(idsAt + 2 * line)
    store<u8>(at + line, id as u8)
    if (templateCount > 256) store<u8>(at + lineCount + line, (id >>> 8) as u8)
  }
}

function writeValues(valueCount: i32, words: i32, numbers: i32, hex: i32): void {
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
