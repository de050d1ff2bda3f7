// Checks that code for untrusted texts runs in linear time: twice the text may cost at most two and
// a half times the CPU, whatever the text.

import type { Test } from 'tap'

/** Twice the input costs twice the time; the rest allows for caches and a busy machine. */
const ratioMax = 2.5
/** The same for the mean of three or four doublings, in which one slow moment weighs less. */
const meanMax = 3.3
/** Milliseconds from which a growing cost is not measured at any larger size. */
const enoughMs = 600
/** Minimum milliseconds of CPU to compare. Noise is as large. */
const floorMs = 20
const firstSize = 8 * 1024
/** An input that is still cheap at this size is not enlarged any further. */
const sizeMax = 256 * 1024
/** No input of these sizes should cost more. */
const slowMs = 10_000

/** Code that reads inputs, and how to create them. */
export interface LinearCase<I> {
  /** Creates an input of about this many bytes. Not measured. */
  readonly input: (size: number) => I
  /** Reads the input, including any error it throws. */
  readonly run: (input: I) => unknown
  readonly sizeMax?: number
}

/** Returns the CPU time of one run, or the least of three: only that is good enough to compare. */
async function cpuMs<I>(
  { input, run }: LinearCase<I>,
  size: number,
  { runs }: { readonly runs: 1 | 3 },
): Promise<number> {
  const made = input(size)
  const measure = async () => {
    const before = process.cpuUsage()
    try {
      await run(made)
    } catch {
      // Many of these inputs are rejected, and the cost of that is measured.
    }
    // Both parts, because the kernel divides them by samples that are coarse at a few milliseconds.
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  }
  let least = await measure()
  for (let i = 1; i < runs && least < slowMs; i++) least = Math.min(least, await measure())
  return least
}

/** Enlarges an input until its cost is measurable, then compares it with twice the size. */
export async function expectLinear<I>(
  t: Pick<Test, 'ok' | 'pass'>,
  name: string,
  of: LinearCase<I>,
): Promise<void> {
  let size = firstSize
  for (;;) {
    // One cheap run shows that there is nothing to compare at this size.
    const once = await cpuMs(of, size * 2, { runs: 1 })
    const isLargest = size * 4 > (of.sizeMax ?? sizeMax)
    if (once <= floorMs && isLargest) {
      t.pass(`${name}: ${size * 2} bytes: ${once.toFixed(1)} ms`)
      return
    }
    if (once <= floorMs) {
      size *= 2
      continue
    }
    const half = await cpuMs(of, size, { runs: 3 })
    let whole = await cpuMs(of, size * 2, { runs: 3 })
    if (whole <= floorMs && !isLargest) {
      size *= 2
      continue
    }
    let ratio = whole <= floorMs ? 0 : whole / half
    const text = `${size * 2} bytes: ${whole.toFixed(1)} ms, half of it: ${half.toFixed(1)} ms`
    // A busy machine, or a memory that overflows into the next generation, makes the cost jump once.
    // Cost that is not linear keeps growing: squared cost is four times at each of the doublings.
    let doublings = 1
    for (; ratio > ratioMax && doublings < 4 && whole < enoughMs; doublings++) {
      size *= 2
      const next = await cpuMs(of, size * 2, { runs: 3 })
      ratio = Math.min(ratio, next / whole)
      whole = next
    }
    const mean = (whole / half) ** (1 / doublings)
    const isLinear = ratio <= ratioMax || (doublings > 2 && mean <= meanMax)
    t.ok(
      isLinear && whole < slowMs,
      `${name}: ${text}, at least ${ratio.toFixed(2)} and on average ${mean.toFixed(2)} times`,
    )
    return
  }
}

/** Checks one reader with several kinds of texts. */
export async function expectAllLinear(
  t: Pick<Test, 'ok' | 'pass'>,
  read: (text: string) => unknown,
  texts: Readonly<Record<string, (size: number) => string>>,
  what: string,
): Promise<void> {
  for (const [name, make] of Object.entries(texts)) {
    await expectLinear(t, `${what}, ${name}`, { input: make, run: read })
  }
}

/** Repeats a piece to about this many characters. */
export const repeat =
  (piece: string, { before = '', after = '' } = {}) =>
  (size: number): string =>
    before + piece.repeat(Math.ceil(size / piece.length)) + after
