// The memory of ../field-spans.ts, and what a program asks for.
//
//   | first bytes | places | slots | keys | program | line ends | outcomes | spans |
//   | quotes | ends of values | ends of keys | lines | gap | ids | one rest | slots of rests | rests |
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

export const placesMax: i32 = 256
export const slotsMax: i32 = 2048
export const keyCountMax: i32 = 1000
export const keyLengthMax: i32 = 64
/** Each key takes its length and its meaning, and its bytes in steps of 8. */
export const keysBytes: i32 = keyCountMax * (8 + keyLengthMax)
/** A bit for each byte, and the rest of the last 64. */
export const bitsBytes: i32 = bytesMax / 8 + 16
export const gap: i32 = 128
/** Most different rests, and bytes of all of them. */
export const restCountMax: i32 = 4096
export const restSlotsMax: i32 = 2 * restCountMax
export const restsBytes: i32 = 1 << 19
/** Longer lines have no rest. */
export const restLengthMax: i32 = 1024
export const mixer: u64 = ((<u64>0x9e3779b9) << 32) | 0x7f4a7c15

/** First byte of a key → 1 if the key may be needed. */
export const firstBytesAt: i32 = 0
export const placesAt: i32 = 256
export const slotsAt: i32 = placesAt + 4 * placesMax
export const keysAt: i32 = slotsAt + 4 * slotsMax
export const programAt: i32 = keysAt + keysBytes
/** Row → address after its last byte. */
export const endsAt: i32 = programAt + programMax
/** Row → 1 if its spans are certain, 0 if only the pipeline can find its labels. */
export const outcomesAt: i32 = endsAt + 4 * rowsMax
export const spansAt: i32 = outcomesAt + rowsMax
export const quotesAt: i32 = spansAt + 8 * rowsMax * namesMax
export const valueStopsAt: i32 = quotesAt + bitsBytes
export const keyStopsAt: i32 = valueStopsAt + bitsBytes
export const linesAt: i32 = keyStopsAt + bitsBytes
/** Row → the number of its rest: see `findRests`. */
export const idsAt: i32 = linesAt + bytesMax + gap
export const restAt: i32 = idsAt + 4 * rowsMax
export const restSlotsAt: i32 = restAt + 2 * restLengthMax
export const restsAt: i32 = restSlotsAt + 4 * restSlotsMax

/** What became of a line: only the pipeline can find its labels, or its spans are certain. */
export const unknown: i32 = 0
export const found: i32 = 1
/** A key is new: JavaScript has to say what it means. */
export const newKey: i32 = 2

export let nameCount: i32 = 0
/** Fields after which a line needs no further reading. */
export let countMax: i32 = 0

export function setNames(names: i32, count: i32): void {
  nameCount = names
  countMax = count
}

export function lineStart(row: i32): usize {
  return row === 0 ? linesAt : load<u32>(endsAt + 4 * row - 4) + 1
}

export function spansOf(row: i32): usize {
  return spansAt + 8 * row * nameCount
}

export function clearSpans(row: i32): void {
  const at = spansOf(row)
  for (let i = 0; i < nameCount; i++) store<u64>(at + 8 * i, 0)
}
