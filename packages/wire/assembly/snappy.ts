// Snappy's block format as WebAssembly: https://github.com/google/snappy/blob/main/format_description.txt
// The language is AssemblyScript. release/build-wasm.mjs compiles it, ../src/snappy-wasm.ts calls it.
//
// There are no objects here, only addresses in one memory, and each call may use all of it:
//
//   compress      | hash table, 32 KiB | piece of the input, 64 KiB | gap | its output | gap |
//   decompress    | body | gap | output | gap |
//
// Copies move 16 bytes at a time. They may read and write up to 15 bytes too many: behind the input
// and the output is a gap, and within the output the next element replaces them.

const tableBitsMax: i32 = 14
const tableBytes: i32 = 2 << tableBitsMax
/** Encoders compress this many bytes at a time, so an entry of the table needs two bytes. */
const pieceBytes: i32 = 1 << 16
const gapBytes: i32 = 16
/** A search ends this far from the end, so that it can read whole words. */
const searchMargin: i32 = 15

/** Where the caller puts the piece that it wants to compress. */
export const compressInputAt: i32 = tableBytes
/** Where the caller finds the output. */
export const compressOutputAt: i32 = compressInputAt + pieceBytes + gapBytes

/**
 * Compresses a piece of 1 to 65,536 bytes. Returns the length of its elements: at most 32 bytes and
 * a sixth more than the piece.
 */
export function compress(length: i32): i32 {
  const input = compressInputAt
  const end = input + length
  let out = compressOutputAt
  if (length < searchMargin) return writeLiteral(out, input, length) - compressOutputAt

  let bits = 8
  while (bits < tableBitsMax && 1 << bits < length) bits++
  const shift: u32 = 32 - bits
  memory.fill(0, 0, 2 << bits)
  const searchEnd = end - searchMargin
  let unwritten = input
  let at = input + 1
  let nextHash = hashOf(load<u32>(at), shift)
  while (at <= searchEnd) {
    // The longer nothing matches, the more bytes the search skips.
    let skip = 32
    let next = at
    let candidate = 0
    do {
      at = next
      const slot = nextHash << 1
      next = at + (skip >>> 5)
      skip++
      if (next > searchEnd) return writeRest(out, unwritten, end)
      nextHash = hashOf(load<u32>(next), shift)
      candidate = input + (load<u16>(slot) as i32)
      store<u16>(slot, at - input)
    } while (load<u32>(at) !== load<u32>(candidate))

    out = writeLiteral(out, unwritten, at - unwritten)
    let word: u64 = 0
    do {
      const start = at
      at = matchEnd(at + 4, candidate + 4, end)
      out = writeCopy(out, start - candidate, at - start)
      unwritten = at
      if (at >= searchEnd) return writeRest(out, unwritten, end)
      // The byte before, the four to search for next, and the four after.
      word = load<u64>(at - 1)
      store<u16>(hashOf(word as u32, shift) << 1, at - 1 - input)
      const slot = hashOf((word >>> 8) as u32, shift) << 1
      candidate = input + (load<u16>(slot) as i32)
      store<u16>(slot, at - input)
    } while (((word >>> 8) as u32) === load<u32>(candidate))
    nextHash = hashOf((word >>> 16) as u32, shift)
    at++
  }
  return writeRest(out, unwritten, end)
}

function hashOf(word: u32, shift: u32): u32 {
  return (word * 0x1e35a7bd) >>> shift
}

/** Returns where the bytes from `at` on differ from those at `candidate`, or `end`. */
function matchEnd(at: i32, candidate: i32, end: i32): i32 {
  while (at + 8 <= end) {
    const difference = load<u64>(at) ^ load<u64>(candidate)
    if (difference !== 0) return at + ((ctz(difference) >>> 3) as i32)
    at += 8
    candidate += 8
  }
  while (at < end && load<u8>(at) === load<u8>(candidate)) {
    at++
    candidate++
  }
  return at
}

/** Writes what matched nothing. Returns the length of the whole output. */
function writeRest(out: i32, from: i32, end: i32): i32 {
  if (from < end) out = writeLiteral(out, from, end - from)
  return out - compressOutputAt
}

function writeLiteral(out: i32, from: i32, length: i32): i32 {
  const last = length - 1
  if (last < 60) {
    store<u8>(out, last << 2)
    out += 1
  } else if (last < 256) {
    store<u8>(out, 60 << 2)
    store<u8>(out + 1, last)
    out += 2
  } else {
    store<u8>(out, 61 << 2)
    store<u16>(out + 1, last)
    out += 3
  }
  copyFar(out, from, length)
  return out + length
}

function writeCopy(out: i32, offset: i32, length: i32): i32 {
  while (length >= 68) {
    out = writeCopyUpTo64(out, offset, 64)
    length -= 64
  }
  if (length > 64) {
    out = writeCopyUpTo64(out, offset, 60)
    length -= 60
  }
  return writeCopyUpTo64(out, offset, length)
}

function writeCopyUpTo64(out: i32, offset: i32, length: i32): i32 {
  if (length < 12 && offset < 2048) {
    store<u16>(out, 1 | ((length - 4) << 2) | ((offset >>> 8) << 5) | ((offset & 0xff) << 8))
    return out + 2
  }
  store<u32>(out, 2 | ((length - 1) << 2) | (offset << 8))
  return out + 3
}

/**
 * Decompresses the elements in `at .. end` to the `length` bytes from `output` on. Returns false if
 * they are damaged or hold another number of bytes.
 */
export function decompress(at: i32, end: i32, output: i32, length: i32): bool {
  const outputEnd = output + length
  let out = output
  while (at < end) {
    const tag = load<u8>(at) as i32
    const kind = tag & 3
    let size = (tag >>> 2) + 1
    if (kind === 0) {
      at++
      if (size > 60) {
        const sizeBytes = size - 60
        if (sizeBytes > end - at) return false
        const last = load<u32>(at) & (0xffffffff >>> (32 - 8 * sizeBytes))
        at += sizeBytes
        if (last >= ((end - at) as u32)) return false
        size = (last as i32) + 1
      }
      if (size > end - at || size > outputEnd - out) return false
      copyFar(out, at, size)
      at += size
      out += size
      continue
    }
    let offset = load<u32>(at + 1)
    if (kind === 1) {
      size = ((tag >>> 2) & 7) + 4
      offset = ((tag >>> 5) << 8) | (offset & 0xff)
      at += 2
    } else if (kind === 2) {
      offset &= 0xffff
      at += 3
    } else at += 5
    if (at > end || size > outputEnd - out) return false
    if (offset === 0 || offset > ((out - output) as u32)) return false
    const from = out - (offset as i32)
    if (offset >= 16) copyFar(out, from, size)
    else copyNear(out, from, size)
    out += size
  }
  return out === outputEnd
}

/** Copies bytes from at least 16 bytes before, or from elsewhere. */
function copyFar(to: i32, from: i32, length: i32): void {
  if (length > 64) {
    memory.copy(to, from, length)
    return
  }
  let i = 0
  do {
    v128.store(to + i, v128.load(from + i))
    i += 16
  } while (i < length)
}

/** Copies bytes that may overlap with their copy, which repeats them. */
function copyNear(to: i32, from: i32, length: i32): void {
  for (let i = 0; i < length; i++) store<u8>(to + i, load<u8>(from + i))
}
