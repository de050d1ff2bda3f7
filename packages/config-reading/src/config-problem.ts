// Mistakes in configuration files, in one form for all programs: their place, and the key that
// was probably meant.

import { listedKeysMax } from './limits.ts'

/** One mistake in a configuration file. Line and column start at 1; line 0 means the whole file. */
export interface ConfigProblem {
  readonly line: number
  readonly column: number
  /** What is wrong and what to write instead. */
  readonly message: string
  /** Set if the mistake disables only one stage, target or job of an agent. */
  readonly isContained?: true
}

/** Formats a mistake as `file:line:column: message`. */
export function formatProblem(path: string, { line, column, message }: ConfigProblem): string {
  return line > 0 ? `${path}:${line}:${column}: ${message}` : `${path}: ${message}`
}

/**
 * Drops follow-up errors of the yaml library: once a token ends the document early, it reports
 * every later token too.
 */
export function withoutRestOfStream<E extends { readonly message: string }>(
  mistakes: readonly E[],
): E[] {
  return mistakes.filter(
    ({ message }, at) => at === 0 || !message.includes(' token in YAML stream'),
  )
}

/**
 * Returns the message for an unknown key, with the key that was probably meant.
 *
 * @param near Further keys to compare with but not to list.
 * @param elsewhere Path of a key of the same name in another block.
 */
export function unknownKey(
  key: string,
  where: string,
  {
    known,
    near = [],
    elsewhere,
  }: {
    readonly known: readonly string[]
    readonly near?: readonly string[]
    readonly elsewhere?: string | undefined
  },
): string {
  const meant = nearestName(key, [...known, ...near]) ?? elsewhere
  return `Unknown key ${key} in ${where}: ${meant ? `did you mean ${meant}?` : listKeys(known)}`
}

function listKeys(known: readonly string[]): string {
  if (known.length === 0) return 'it has no keys'
  if (known.length > listedKeysMax) return 'remove it, or check its spelling'
  return `known keys are ${[...known].sort().join(', ')}`
}

/** Returns the name that differs least from a text, by a few letters at most. */
export function nearestName(text: string, names: readonly string[]): string | undefined {
  let least = Math.floor(Math.max(1, text.length / 4)) + 1
  let nearest: string | undefined
  for (const name of names) {
    if (Math.abs(name.length - text.length) >= least) continue
    const edits = distance(name, text)
    if (edits >= least) continue
    least = edits
    nearest = name
  }
  return nearest
}

/** Returns how many letters to change, add, remove or swap with a neighbour to turn one text into the other. */
function distance(a: string, b: string): number {
  let before: readonly number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      const isSwapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwapped ? (before[j - 2] ?? Number.POSITIVE_INFINITY) + 1 : undefined
      const edited = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + cost)
      next.push(Math.min(edited, swapped ?? edited))
    }
    before = row
    row = next
  }
  return row[b.length]!
}
