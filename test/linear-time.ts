// Holds what reads texts that others write to linear time: twice the text may cost at most two and a half times
// the CPU, whatever the text.

import type { Test } from 'tap'

/** Twice the input costs twice the time; the rest is for caches and a busy machine. */
const ratioMax = 2.5
/** Milliseconds of CPU below which nothing is compared: noise is as large. */
const floorMs = 20
const firstSize = 8 * 1024
/** An input that costs nothing to speak of at this size is grown no further. */
const sizeMax = 2 * 1024 * 1024
/** No input of these sizes has a reason to cost more. */
const slowMs = 10_000

/** What reads inputs, and how they are made. */
export interface LinearCase<I> {
  /** Makes an input of about so many bytes; that is not measured. */
  readonly input: (size: number) => I
  /** Reads it; an error that it throws for a bad input is part of it. */
  readonly run: (input: I) => unknown
  readonly sizeMax?: number
}

async function cpuMs<I>({ input, run }: LinearCase<I>, size: number): Promise<number> {
  const made = input(size)
  const measure = async () => {
    const before = process.cpuUsage()
    try {
      await run(made)
    } catch {
      // Many of these inputs are refused; what that costs is what is looked at.
    }
    // Not the system's: pages of memory are their own matter.
    return process.cpuUsage(before).user / 1_000
  }
  let least = await measure()
  for (let i = 0; i < 2 && least < slowMs; i++) least = Math.min(least, await measure())
  return least
}

/** Grows an input until it costs something, and checks by how much twice as much of it costs more. */
export async function expectLinear<I>(t: Test, name: string, of: LinearCase<I>): Promise<void> {
  let size = firstSize
  let half = await cpuMs(of, size)
  for (;;) {
    let whole = await cpuMs(of, size * 2)
    if (whole <= floorMs && size * 4 <= (of.sizeMax ?? sizeMax)) {
      size *= 2
      half = whole
      continue
    }
    let ratio = whole <= floorMs ? 0 : whole / half
    const text = `${size * 2} bytes: ${whole.toFixed(1)} ms, half of it: ${half.toFixed(1)} ms`
    // Memory that overflows into the next generation costs a step, once; what is not linear goes on.
    for (let i = 0; ratio > ratioMax && i < 3 && whole < slowMs; i++) {
      size *= 2
      const next = await cpuMs(of, size * 2)
      ratio = Math.min(ratio, next / whole)
      whole = next
    }
    t.ok(ratio <= ratioMax && whole < slowMs, `${name}: ${text}, ${ratio.toFixed(2)} times`)
    return
  }
}

/** Repeats a piece to about so many characters. */
export const repeat =
  (piece: string, { before = '', after = '' } = {}) =>
  (size: number): string =>
    before + piece.repeat(Math.ceil(size / piece.length)) + after
