// Bits: one for each byte of the lines, found for all of them before the first line is read. A search then looks
// at 64 bytes at a time.

import { endsAt, keyStopsAt, linesAt, quotesAt, valueStopsAt } from './memory'

export function findQuotes(count: i32): void {
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

export function findStops(count: i32): void {
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
export function nextBit(bits: usize, from: usize, end: usize): usize {
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
