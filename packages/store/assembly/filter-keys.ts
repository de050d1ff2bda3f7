// Finds the keys of a block's lines: src/segment/filter/keys.ts with SIMD, four pieces of text at a
// time. The language is AssemblyScript. release/build-wasm.mjs compiles it, and
// src/segment/filter/key-finder.ts calls it. keys.ts explains what a key is.
//
//   | filter, a bit a row | groups of letters, a bit each | hashes | lowest hashes | packing |
//   | lengths | lines | gap |

const gramBytes: i32 = 7
const windowGrams: i32 = 6
const textBytes: i32 = gramBytes + windowGrams - 1

const rowBitsBytes: i32 = 98304
const groupBitsBytes: i32 = 1 << 17
/** Pieces of a line whose hashes are computed in one go. */
const hashesMax: i32 = 1 << 14
const hashBytes: i32 = 4 * (hashesMax + windowGrams + 16)

/** Most lines of a call. */
export const linesMax: i32 = 1 << 16
/** Most bytes of a call, with a byte after each line. */
export const bytesMax: i32 = 1 << 20

export const rowBitsAt: i32 = 0
const groupBitsAt: i32 = rowBitsBytes
const hashesAt: i32 = groupBitsAt + groupBitsBytes
const lowestAt: i32 = hashesAt + hashBytes
const packingAt: i32 = lowestAt + hashBytes
export const lengthsAt: i32 = packingAt + 16 * 16
export const linesAt: i32 = lengthsAt + 4 * linesMax

/** Sets all bits of a filter, and of the groups of letters, to 0. */
export function clear(rowCount: i32): void {
  memory.fill(rowBitsAt, 0, rowCount >>> 3)
  memory.fill(groupBitsAt, 0, groupBitsBytes)
}

/**
 * Sets the bits of all pieces of text, in a filter of three parts, and of all groups of letters, in
 * `count` lines.
 */
export function addLines(count: i32, rowCount: i32): void {
  let at = linesAt
  for (let i = 0; i < count; i++) {
    const length = load<i32>(lengthsAt + 4 * i)
    if (length >= textBytes) addGrams(at, length, rowCount)
    at += length + 1
  }
  addLetters(linesAt, at)
}

// For each mask of four lanes: the bytes of the lanes that it names, moved to the front.
for (let mask = 0; mask < 16; mask++) {
  let to = packingAt + 16 * mask
  for (let lane = 0; lane < 4; lane++) {
    if ((mask & (1 << lane)) === 0) continue
    for (let byte = 0; byte < 4; byte++) store<u8>(to++, 4 * lane + byte)
  }
}

function addGrams(line: i32, length: i32, rowCount: i32): void {
  let windows = length - textBytes + 1
  let at = line
  while (windows > 0) {
    const taken = min(windows, hashesMax)
    hashGrams(at, taken + windowGrams - 1)
    setRows(packLowest(taken), rowCount)
    at += taken
    windows -= taken
  }
}

function mix(value: v128): v128 {
  let hash = i32x4.mul(v128.xor(value, i32x4.shr_u(value, 16)), i32x4.splat(0x7feb352d))
  hash = i32x4.mul(v128.xor(hash, i32x4.shr_u(hash, 15)), i32x4.splat(0x846ca68b))
  return v128.xor(hash, i32x4.shr_u(hash, 16))
}

// Reads up to 15 bytes past the last piece.
function hashGrams(at: i32, count: i32): void {
  const first = i32x4.splat(0x9e3779b1)
  const last = i32x4.splat(0x85ebca6b)
  const spread = i32x4.splat(0xc2b2ae35)
  for (let i = 0; i < count; i += 4) {
    const bytes = v128.load(at + i)
    const words = v128.shuffle<u8>(bytes, bytes, 0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6)
    const later = v128.shuffle<u8>(bytes, bytes, 3, 4, 5, 6, 4, 5, 6, 7, 5, 6, 7, 8, 6, 7, 8, 9)
    let hash = i32x4.add(i32x4.mul(words, first), i32x4.mul(later, last))
    hash = i32x4.mul(v128.xor(hash, i32x4.shr_u(hash, 15)), spread)
    v128.store(hashesAt + 4 * i, hash)
  }
}

// The lowest hash of a window is mostly that of the window before. Writes only those that are not,
// and returns how many there are.
function packLowest(count: i32): i32 {
  let to = lowestAt
  let before = v128.not(lowestOf(hashesAt))
  for (let i = 0; i < count; i += 4) {
    const lowest = lowestOf(hashesAt + 4 * i)
    const shifted = v128.shuffle<u32>(before, lowest, 3, 4, 5, 6)
    before = lowest
    let mask = i32x4.bitmask(i32x4.ne(lowest, shifted))
    if (count - i < 4) mask &= (1 << (count - i)) - 1
    v128.store(to, i8x16.swizzle(lowest, v128.load(packingAt + 16 * mask)))
    to += 4 * popcnt(mask)
  }
  return (to - lowestAt) >>> 2
}

function lowestOf(at: i32): v128 {
  const a = i32x4.min_s(v128.load(at), v128.load(at + 4))
  const b = i32x4.min_s(v128.load(at + 8), v128.load(at + 12))
  const c = i32x4.min_s(v128.load(at + 16), v128.load(at + 20))
  return i32x4.min_s(i32x4.min_s(a, b), c)
}

// Four at a time: the last one again where fewer are left.
function setRows(count: i32, rowCount: i32): void {
  const end = lowestAt + 4 * count
  v128.store(end, v128.load32_splat(end - 4))
  const three = i32x4.splat(3)
  const rows = i32x4.splat(rowCount / 3)
  const inPart = i32x4.splat(rowCount / 3 - 1)
  for (let at = lowestAt; at < end; at += 16) {
    const spread = mix(v128.load(at))
    const low = i64x2.extmul_low_i32x4_u(spread, three)
    const high = i64x2.extmul_high_i32x4_u(spread, three)
    const part = v128.shuffle<u32>(low, high, 1, 3, 5, 7)
    const row = i32x4.add(i32x4.mul(part, rows), v128.and(spread, inPart))
    setRow(i32x4.extract_lane(row, 0))
    setRow(i32x4.extract_lane(row, 1))
    setRow(i32x4.extract_lane(row, 2))
    setRow(i32x4.extract_lane(row, 3))
  }
}

function setRow(row: i32): void {
  const at = rowBitsAt + ((row >>> 5) << 2)
  store<u32>(at, load<u32>(at) | (1 << (row & 31)))
}

// Sixteen bytes at a time: finds where four letters begin, then reads them as one word.
function addLetters(start: i32, end: i32): void {
  let mask = letterMask(start)
  for (let at = start; at < end; at += 16) {
    const next = at + 16 < end ? letterMask(at + 16) : 0
    const both = mask | (next << 16)
    let begins = both & (both >>> 1) & (both >>> 2) & (both >>> 3) & 0xffff
    if (end - at < 16) begins &= (1 << (end - at)) - 1
    mask = next
    while (begins !== 0) {
      const place = at + ctz(begins)
      begins &= begins - 1
      const word = load<u32>(place)
      const group =
        ((word & 0x1f) << 15) |
        (((word >>> 8) & 0x1f) << 10) |
        (((word >>> 16) & 0x1f) << 5) |
        ((word >>> 24) & 0x1f)
      const bit = groupBitsAt + ((group >>> 5) << 2)
      store<u32>(bit, load<u32>(bit) | (1 << (group & 31)))
    }
  }
}

function letterMask(at: i32): i32 {
  const lower = v128.or(v128.load(at), i8x16.splat(0x20))
  const fromA = i8x16.sub(lower, i8x16.splat(0x61))
  return i8x16.bitmask(i8x16.lt_u(fromA, i8x16.splat(26)))
}

const groupFactor: u32 = 0xcc9e2d51
const indexStep: u32 = 0x9e3779b1
const rowsOfGroup: u32 = 3

/** Sets the bits of the groups of letters of all lines since `clear`, in a filter of three parts. */
export function addGroups(rowCount: i32): void {
  const rows: u32 = rowCount / 3
  for (let word: u32 = 0; word < (groupBitsBytes as u32) / 4; word++) {
    let left = load<u32>(groupBitsAt + 4 * word)
    while (left !== 0) {
      const hash: u32 = (32 * word + ctz(left) + 1) * groupFactor
      left &= left - 1
      for (let index: u32 = 0; index < rowsOfGroup; index++) {
        const spread = mixOne(hash + index * indexStep)
        const part = ((spread as u64) * 3) >>> 32
        setRow(((part as u32) * rows + (spread & (rows - 1))) as i32)
      }
    }
  }
}

function mixOne(value: u32): u32 {
  let hash = (value ^ (value >>> 16)) * 0x7feb352d
  hash = (hash ^ (hash >>> 15)) * 0x846ca68b
  return hash ^ (hash >>> 16)
}
