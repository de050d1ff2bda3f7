// Lines that a pattern or a regular expression splits.

import { found, nameCount, programAt, unknown } from './memory'

// A pattern: a step is the index of a span or -1, the address of the text that ends it, and its length.
// The first step has the text before the first capture, and the number of captures as its index.

export function patternLine(start: usize, end: usize, spans: usize): void {
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

// Regular expressions whose every step is certain: a run takes all it can, and what follows it cannot
// begin with a character of the run. Steps have four numbers: kind, argument, least and most.

const stepDone: i32 = 0
const stepByte: i32 = 1
const stepRun: i32 = 2
const stepStart: i32 = 3
const stepEnd: i32 = 4
const stepTextEnd: i32 = 5

/** Where steps begin; before them is the first byte of every match (-1: any, -2: only at the start). */
const stepsAt: i32 = programAt + 16

export function regexpLine(start: usize, end: usize, spans: usize): i32 {
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
