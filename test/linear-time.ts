// Holds what reads texts that others write to linear time: twice the text may cost at most two and a half times
// the CPU, whatever the text.

import type { Test } from 'tap'

/** Twice the text costs twice the time; the rest is for caches, the garbage collector and a busy machine. */
const ratioMax = 2.5
/** CPU below which nothing is measured: noise is as large. */
const noiseMs = 50
/** The text is doubled until it costs more than noise, up to this many characters. */
const lengthMax = 1 << 21
/** No text of this length has a reason to cost more. */
const slowMs = 10_000

/** A reader of texts, and what it is to read. */
export interface Scanner {
  readonly name: string
  /** Makes a text of about so many characters. */
  readonly make: (length: number) => string
  /** Reads it; an error that it throws for a bad text is part of it. */
  readonly read: (text: string) => unknown
}

/** Checks that the time of a scanner grows with its text and not with its square. */
export async function expectLinear(t: Test, { name, make, read }: Scanner): Promise<void> {
  const costMs = async (length: number, runs: number) => {
    const text = make(length)
    let least = Number.POSITIVE_INFINITY
    for (let run = 0; run < runs; run++) {
      const start = process.cpuUsage()
      try {
        await read(text)
      } catch {
        // Many of these texts are refused; what that costs is what is looked at.
      }
      const { user, system } = process.cpuUsage(start)
      least = Math.min(least, (user + system) / 1000)
    }
    return least
  }
  let length = 1 << 12
  let cost = await costMs(length, 2)
  while (cost < noiseMs && length < lengthMax) {
    length *= 2
    cost = await costMs(length, 2)
  }
  if (cost < noiseMs) {
    t.pass(`${name}: ${length} characters cost ${cost.toFixed(1)} ms`)
    return
  }
  if (cost > slowMs) {
    t.fail(`${name}: ${length} characters cost ${cost.toFixed(0)} ms`)
    return
  }
  let ratio = Number.POSITIVE_INFINITY
  let single = cost
  // What is not linear is not linear at the next length either; a busy machine, or the length from which a
  // text is worth the garbage collector's time, is behind it then.
  for (let attempt = 0; attempt < 4 && ratio > ratioMax && single < slowMs; attempt++) {
    if (attempt > 0) length *= 2
    single = await costMs(length, 2)
    ratio = (await costMs(2 * length, 2)) / single
  }
  t.ok(
    ratio <= ratioMax,
    `${name}: ${ratio.toFixed(2)} times the CPU for twice ${length} characters (${single.toFixed(0)} ms)`,
  )
}

/** Repeats a piece to about so many characters. */
export const repeat =
  (piece: string, { before = '', after = '' } = {}) =>
  (length: number): string =>
    before + piece.repeat(Math.ceil(length / piece.length)) + after
