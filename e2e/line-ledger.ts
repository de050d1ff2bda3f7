// Counts which numbered lines came back from a store, and reports missing, repeated and damaged
// ones.

import type { FoundEntry } from './harness.ts'
import { makeLine, parseLineName } from './log-lines.ts'

/** Problems with the lines of a store. */
export interface LedgerProblems {
  /** Runs of numbers that never arrived, as `file: first-last`. */
  readonly missing: readonly string[]
  /** Lines that occur more than once. */
  readonly doubled: readonly string[]
  /** Lines that differ from what was written, cut to a readable length. */
  readonly damaged: readonly string[]
}

/** Maximum number of examples to keep of each kind of problem. */
const examplesMax = 20

/** Counts the lines of many files. */
export class LineLedger {
  readonly #counts = new Map<string, Map<number, number>>()
  readonly #damaged: string[] = []

  /** Records an entry that the store returned. */
  add({ line, timestampNs, labels }: FoundEntry): void {
    // Docker's stage keeps the line ending, which is part of its `log` field.
    const text = line.endsWith('\n') ? line.slice(0, -1) : line
    const name = parseLineName(text)
    if (!name || makeLine(name) !== text) {
      if (this.#damaged.length < examplesMax) {
        const where = `${labels.job} ${labels.stream} ${labels.filename?.slice(-60)}`
        this.#damaged.push(
          `${timestampNs} ${where}: ${text.length} characters, ` +
            `${JSON.stringify(text.slice(0, 80))} ... ${JSON.stringify(text.slice(-40))}`,
        )
      }
      return
    }
    const numbers = this.#counts.get(name.file) ?? new Map<number, number>()
    this.#counts.set(name.file, numbers)
    numbers.set(name.number, (numbers.get(name.number) ?? 0) + 1)
  }

  /** Number of distinct lines that have arrived. */
  get lineCount(): number {
    let count = 0
    for (const numbers of this.#counts.values()) count += numbers.size
    return count
  }

  /** Compares with the last number that was written to each file. */
  check(lastNumbers: Readonly<Record<string, number>>): LedgerProblems {
    const missing: string[] = []
    const doubled: string[] = []
    for (const [file, lastNumber] of Object.entries(lastNumbers)) {
      const numbers = this.#counts.get(file) ?? new Map<number, number>()
      for (const [number, count] of numbers) {
        if (count > 1) doubled.push(`${file}: ${number} is there ${count} times`)
        if (number > lastNumber) doubled.push(`${file}: ${number} was never written`)
      }
      missing.push(...listGaps(file, numbers, lastNumber))
    }
    for (const file of this.#counts.keys()) {
      if (!(file in lastNumbers)) doubled.push(`${file} was never written`)
    }
    return {
      missing: missing.slice(0, examplesMax),
      doubled: doubled.slice(0, examplesMax),
      damaged: this.#damaged,
    }
  }
}

function listGaps(
  file: string,
  numbers: ReadonlyMap<number, number>,
  lastNumber: number,
): string[] {
  const gaps: string[] = []
  let gapStart = 0
  for (let number = 1; number <= lastNumber + 1; number++) {
    const isThere = number > lastNumber || numbers.has(number)
    if (!isThere && gapStart === 0) gapStart = number
    if (isThere && gapStart > 0) {
      gaps.push(`${file}: ${gapStart}-${number - 1} of ${lastNumber}`)
      gapStart = 0
    }
  }
  return gaps
}
