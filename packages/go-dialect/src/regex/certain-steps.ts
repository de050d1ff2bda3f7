// Turns simple patterns into steps that need no search: each takes all it can, and a match that fails has no
// other way at its place. Only for texts in ASCII.

import {
  type CharSet,
  charSetsOverlap,
  createCharSet,
  rangesOf,
  unionCharSets,
} from './char-set.ts'
import { parseRegex, type RegexNode } from './syntax.ts'

/** A step that takes characters of a set within ASCII. */
interface CharsStep {
  readonly kind: 'chars'
  readonly set: CharSet
  readonly min: number
  readonly max: number
  /** Whether it takes as few as it can. */
  readonly isLazy: boolean
}

/** A step of a match. */
export type RegexStep =
  | CharsStep
  | { readonly kind: 'groupStart' | 'groupEnd'; readonly index: number }
  | { readonly kind: 'textEnd' }

/** A pattern as steps. */
export interface CertainSteps {
  readonly steps: readonly RegexStep[]
  /** Whether a match begins where the text begins. */
  readonly isAtStart: boolean
}

/**
 * Returns the steps of a pattern without alternatives in which nothing that follows a repeated character can
 * begin with that character, such as `"([A-Z]+) (\S+) `. Returns `undefined` for other patterns. At any place of
 * a text in ASCII, the steps match what the pattern does, with the same groups.
 */
export function certainStepsOf(pattern: string): CertainSteps | undefined {
  const root = parseRegex(pattern)?.root
  const parts = root && partsOf(root)
  if (!parts) return undefined
  const isAtStart = parts[0] === 'textStart'
  const steps = parts.filter(part => part !== 'textStart')
  if (parts.length - steps.length > (isAtStart ? 1 : 0)) return undefined
  return isCertain(steps) ? { steps, isAtStart } : undefined
}

type Part = RegexStep | 'textStart'

const asciiMax = 0x7f

function partsOf(node: RegexNode): Part[] | undefined {
  switch (node.kind) {
    case 'empty':
      return []
    case 'assert':
      if (node.assertion === 'textStart') return ['textStart']
      return node.assertion === 'textEnd' ? [{ kind: 'textEnd' }] : undefined
    case 'char':
      return charsOf(node, { min: 1, max: 1, isGreedy: true })
    case 'repeat':
      return node.body.kind === 'char' ? charsOf(node.body, node) : undefined
    case 'group': {
      const { index } = node
      const body = partsOf(node.body)
      return body && [{ kind: 'groupStart', index }, ...body, { kind: 'groupEnd', index }]
    }
    case 'concat': {
      const parts: Part[] = []
      for (const part of node.parts) {
        const inner = partsOf(part)
        if (!inner) return undefined
        parts.push(...inner)
      }
      return parts
    }
    case 'alternate':
      return undefined
  }
}

function charsOf(
  { set, classText }: Extract<RegexNode, { kind: 'char' }>,
  { min, max, isGreedy }: { min: number; max: number; isGreedy: boolean },
): Part[] | undefined {
  if (classText !== undefined) return undefined
  const within = createCharSet(
    rangesOf(set).flatMap(([low, high]) =>
      low > asciiMax ? [] : [[low, Math.min(high, asciiMax)] as const],
    ),
  )
  return [{ kind: 'chars', set: within, min, max, isLazy: !isGreedy && min < max }]
}

// Goes from the end, with the characters that may come next.
function isCertain(steps: readonly RegexStep[]): boolean {
  let next: CharSet = []
  let mayEnd = true
  for (const step of steps.toReversed()) {
    if (step.kind === 'textEnd') {
      if (next.length > 0 || !mayEnd) return false
    } else if (step.kind === 'chars') {
      const { set, min, max, isLazy } = step
      if (min < max && charSetsOverlap(set, next)) return false
      // A run that takes as little as it can takes all only if something follows.
      if (isLazy && mayEnd) return false
      next = min > 0 ? set : unionCharSets(set, next)
      mayEnd = min === 0 && mayEnd
    }
  }
  return true
}
