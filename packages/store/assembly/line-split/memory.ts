// Where the texts, the tables and the parts lie, and what every step needs.

export const decimalKind: i32 = 0
export const hexKind: i32 = 1
export const textKind: i32 = 2
export const uuidKind: i32 = 3

export const newline: i32 = 10
export const hyphen: i32 = 45
export const uuidBytes: i32 = 36
export const numberDigits: i32 = 9
export const tokenDigits: i32 = 27
export const hexDigits: i32 = 64
/** Longest token whose bits are read at once. */
export const shortToken: i32 = 56

/** Most bytes of text. */
export const bytesMax: i32 = 1 << 21
/** Most lines, templates, columns and values of a text, and most bytes of all templates. */
export const linesMax: i32 = 1 << 17
export const templatesMax: i32 = 4096
export const columnsMax: i32 = 1024
export const valuesMax: i32 = 1 << 19
export const templateBytesMax: i32 = 1 << 19

export const wordFactor: u64 = ((0x9e3779b9 as u64) << 32) | 0x7f4a7c15

/** Reads and writes may go this far past an end. */
export const slack: i32 = 64
export const templateSlots: i32 = 4 * templatesMax
export const columnSlots: i32 = 4 * columnsMax
export const columnBytes: i32 = 24
export const bitmapBytes: i32 = bytesMax / 8 + slack

// Addresses. A text is at textAt while it is split, and where it is joined.
export const textAt: i32 = 8192
export const digitsAt: i32 = textAt + bytesMax + 2 * slack
export const hexAt: i32 = digitsAt + bitmapBytes
export const endsAt: i32 = hexAt + bitmapBytes
export const valuesAt: i32 = endsAt + bitmapBytes
export const idsAt: i32 = valuesAt + 8 * valuesMax
export const templateTableAt: i32 = idsAt + 2 * linesMax
export const templatesAt: i32 = templateTableAt + 8 * templateSlots
export const columnTableAt: i32 = templatesAt + 8 * templatesMax
export const columnsAt: i32 = columnTableAt + 8 * columnSlots
export const templateBytesAt: i32 = columnsAt + columnBytes * columnsMax
/** The parts lie end to end from here. */
export const partsAt: i32 = templateBytesAt + templateBytesMax + slack
export const partsMax: i32 = templateBytesMax + 2 * linesMax + bytesMax + 65536

// A class for each byte: 0 ends a token, else bits.
export const classAt: i32 = 0
export const isLetter: i32 = 1
export const isDigit: i32 = 2
export const isHexLetter: i32 = 4
export const offsetsAt: i32 = 1024
/** Values that have one to three digits, and the four bytes that hold the digits of each. */
export const shortValues: i32 = 1110
export const shortTextsAt: i32 = 2048

for (let byte = 0; byte < 256; byte++) {
  let bits = 0
  if (byte >= 48 && byte <= 57) bits = isDigit
  else if (byte >= 97 && byte <= 102) bits = isLetter | isHexLetter
  else if ((byte | 32) >= 97 && (byte | 32) <= 122) bits = isLetter
  else if (byte === 95 || byte >= 128) bits = isLetter
  store<u8>(classAt + byte, bits)
}
let offset: u32 = 0
let power: u32 = 1
for (let digits = 1; digits <= numberDigits + 1; digits++) {
  store<u32>(offsetsAt + 4 * digits, offset)
  power *= 10
  offset += power
}
for (let value = 0; value < shortValues; value++) {
  const digits = value < 10 ? 1 : value < 110 ? 2 : 3
  let rest = (value as u32) - load<u32>(offsetsAt + 4 * digits)
  for (let i = digits - 1; i >= 0; i--) {
    store<u8>(shortTextsAt + 4 * value + i, (48 + (rest % 10)) as u8)
    rest /= 10
  }
}

// Of a column: kind u8, width u8 | count u32 | highest value or bytes u32 | start u32 | cursor u32 | planes u32
export function columnAt(column: i32): i32 {
  return columnsAt + columnBytes * column
}

export function classOf(at: i32): i32 {
  return load<u8>(classAt + (load<u8>(at) as i32)) as i32
}

// Writes up to 15 bytes too many.
export function copy(target: i32, source: i32, length: i32): void {
  for (let i = 0; i < length; i += 16) v128.store(target + i, v128.load(source + i))
}

export function writeVarint(at: i32, value: i32): i32 {
  while (value >= 0x80) {
    store<u8>(at++, (value & 0x7f) | 0x80)
    value >>>= 7
  }
  store<u8>(at++, value)
  return at
}
