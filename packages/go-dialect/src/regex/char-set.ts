// Sets of characters as sorted, disjoint, closed ranges of code points: [lo, hi, lo, hi, ...].

/** Sorted, disjoint, closed ranges of code points, flat. */
export type CharSet = readonly number[]

export const maxCodePoint = 0x10ffff
export const anyChar: CharSet = [0, maxCodePoint]
export const anyButNewline: CharSet = [0, 9, 11, maxCodePoint]

/** Sorts and merges ranges. */
export function createCharSet(ranges: readonly (readonly [low: number, high: number])[]): CharSet {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0])
  const merged: number[] = []
  for (const [low, high] of sorted) {
    const last = merged.length - 1
    if (last > 0 && low <= merged[last]! + 1) merged[last] = Math.max(merged[last]!, high)
    else merged.push(low, high)
  }
  return merged
}

/** Splits a set into its ranges. */
export function rangesOf(set: CharSet): [low: number, high: number][] {
  const ranges: [number, number][] = []
  for (let i = 0; i < set.length; i += 2) ranges.push([set[i]!, set[i + 1]!])
  return ranges
}

export function unionCharSets(a: CharSet, b: CharSet): CharSet {
  return createCharSet([...rangesOf(a), ...rangesOf(b)])
}

export function negateCharSet(set: CharSet): CharSet {
  const negated: number[] = []
  let next = 0
  for (const [low, high] of rangesOf(set)) {
    if (low > next) negated.push(next, low - 1)
    next = high + 1
  }
  if (next <= maxCodePoint) negated.push(next, maxCodePoint)
  return negated
}

export function charSetHas(set: CharSet, char: number): boolean {
  for (let i = 0; i < set.length; i += 2) if (char >= set[i]! && char <= set[i + 1]!) return true
  return false
}

export function charSetsOverlap(a: CharSet, b: CharSet): boolean {
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i + 1]! < b[j]!) i += 2
    else if (b[j + 1]! < a[i]!) j += 2
    else return true
  }
  return false
}

// The two ASCII letters that fold to a character beyond ASCII: Kelvin sign and long s.
const asciiFoldExtras: readonly (readonly [letter: number, extra: number])[] = [
  [0x4b, 0x212a],
  [0x6b, 0x212a],
  [0x53, 0x17f],
  [0x73, 0x17f],
]

/**
 * Adds the other cases of every character (simple folding). Returns `undefined` if folding would need the
 * Unicode tables, for characters beyond ASCII.
 */
export function foldCharSet(set: CharSet): CharSet | undefined {
  const folded = rangesOf(set)
  for (const [low, high] of rangesOf(set)) {
    const isWhole = low <= 0x80 && high === maxCodePoint
    if (high >= 0x80 && !isWhole && !(low === high && (low === 0x212a || low === 0x17f))) {
      return undefined
    }
    for (const [from, to, shift] of [
      [0x41, 0x5a, 32],
      [0x61, 0x7a, -32],
    ] as const) {
      const first = Math.max(low, from)
      const last = Math.min(high, to)
      if (first <= last) folded.push([first + shift, last + shift])
    }
    for (const [letter, extra] of asciiFoldExtras) {
      if (letter >= low && letter <= high) folded.push([extra, extra])
      if (extra === low || isWhole) folded.push([letter, letter])
    }
  }
  return createCharSet(folded)
}
