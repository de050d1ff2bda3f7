// Estimates how long a backtracking engine may take for a pattern, before it runs. A choice (how often to
// repeat, which branch to take) is free if the next character decides it: when the engine returns to it, the
// other way fails at once. Only choices that stay open multiply the time.

import { boundedRepeatMax, costFactorMax, costSeenLengthMax } from '../limits.ts'
import { anyChar, type CharSet, charSetsOverlap, unionCharSets } from './char-set.ts'
import { hasAssertion, type RegexNode } from './syntax.ts'

/** Upper bound of a backtracking search: `factor * length ** degree` steps. */
export interface SearchCost {
  readonly degree: number
  readonly factor: number
}

// What may follow a node: its possible first characters, and whether it may be empty.
interface Follow {
  readonly first: CharSet
  readonly isNullable: boolean
}

interface Tally {
  /** Long loops that are followed by another one, and whose end the next character does not decide. */
  openLoops: number
  hasLoop: boolean
  factor: number
}

/** Returns the cost of searching from every position, or `undefined` if no polynomial bound is certain. */
export function searchCost(root: RegexNode): SearchCost | undefined {
  const tally: Tally = { openLoops: 0, hasLoop: false, factor: 1 }
  if (!tallyNode(root, { first: [], isNullable: true }, tally)) return undefined
  if (tally.factor > costFactorMax) return undefined
  const attempt = tally.hasLoop ? tally.openLoops + 1 : 0
  if (isAnchoredAtStart(root)) return { degree: Math.max(1, attempt), factor: tally.factor }
  return { degree: attempt + 1, factor: tally.factor }
}

/** Returns true if it is certain that a match begins at the start of the text. */
export function isAnchoredAtStart(node: RegexNode): boolean {
  switch (node.kind) {
    case 'assert':
      return node.assertion === 'textStart'
    case 'group':
      return isAnchoredAtStart(node.body)
    case 'concat':
      return isAnchoredAtStart(node.parts[0]!)
    case 'alternate':
      return node.branches.every(isAnchoredAtStart)
    case 'repeat':
      return node.min > 0 && isAnchoredAtStart(node.body)
    case 'empty':
    case 'char':
      return false
  }
}

/** Returns true if a node may match the empty text. */
export function isNullable(node: RegexNode): boolean {
  switch (node.kind) {
    case 'empty':
    case 'assert':
      return true
    case 'char':
      return false
    case 'group':
      return isNullable(node.body)
    case 'concat':
      return node.parts.every(isNullable)
    case 'alternate':
      return node.branches.some(isNullable)
    case 'repeat':
      return node.min === 0 || isNullable(node.body)
  }
}

// Returns the characters that may begin a match of the node and what follows it. An assertion reads
// characters without taking them, so it may fail on any of them.
function firstOf(node: RegexNode, follow: CharSet): CharSet {
  switch (node.kind) {
    case 'empty':
      return follow
    case 'assert':
      return anyChar
    case 'char':
      return node.set
    case 'group':
      return firstOf(node.body, follow)
    case 'concat':
      return node.parts.reduceRight((next, part) => firstOf(part, next), follow)
    case 'alternate':
      return node.branches.reduce<CharSet>(
        (first, branch) => unionCharSets(first, firstOf(branch, follow)),
        [],
      )
    case 'repeat': {
      const body = firstOf(node.body, follow)
      return node.min === 0 ? unionCharSets(body, follow) : body
    }
  }
}

// Counts the open choices of a node, from its end to its start. Returns false to give up.
function tallyNode(node: RegexNode, follow: Follow, tally: Tally): boolean {
  switch (node.kind) {
    case 'empty':
    case 'assert':
    case 'char':
      return true
    case 'group':
      return tallyNode(node.body, follow, tally)
    case 'concat': {
      let next = follow
      for (const part of node.parts.toReversed()) {
        if (!tallyNode(part, next, tally)) return false
        next = {
          first: firstOf(part, next.first),
          isNullable: next.isNullable && isNullable(part) && !hasAssertion(part),
        }
      }
      return true
    }
    case 'alternate':
      return tallyAlternate(node.branches, follow, tally)
    case 'repeat':
      return tallyRepeat(node, follow, tally)
  }
}

function tallyAlternate(branches: readonly RegexNode[], follow: Follow, tally: Tally): boolean {
  let seen: CharSet = []
  let openBranches = 1
  const start = { ...tally }
  for (const branch of branches) {
    const inside = { ...start }
    if (!tallyNode(branch, follow, inside)) return false
    tally.openLoops = Math.max(tally.openLoops, inside.openLoops)
    tally.hasLoop ||= inside.hasLoop
    tally.factor = Math.max(tally.factor, inside.factor)
    const first = firstOf(branch, follow.first)
    if (charSetsOverlap(seen, first)) openBranches++
    seen = unionCharSets(seen, first)
    if (openBranches > costFactorMax || seen.length > costSeenLengthMax) return false
  }
  tally.factor *= openBranches
  return tally.factor <= costFactorMax
}

function tallyRepeat(
  node: Extract<RegexNode, { kind: 'repeat' }>,
  follow: Follow,
  tally: Tally,
): boolean {
  const { body, min, max } = node
  const bodyFirst = firstOf(body, follow.first)
  // What follows a nullable end succeeds at once, so nothing is tried again.
  const isOpen = min !== max && !follow.isNullable && charSetsOverlap(bodyFirst, follow.first)
  const isSimple = isSingleChar(body)
  if (max <= 1) {
    if (!tallyNode(body, follow, tally)) return false
    if (isOpen) tally.factor *= 2
    return tally.factor <= costFactorMax
  }
  if (!isSimple) {
    if (isNullable(body)) return false
    // The body may be followed by itself, or by what comes after the loop.
    const again = { first: unionCharSets(bodyFirst, follow.first), isNullable: false }
    const inside: Tally = { openLoops: 0, hasLoop: false, factor: 1 }
    if (!tallyNode(body, again, inside)) return false
    const isBodyOpen = inside.factor > 1 || hasOpenLoop(body, again)
    if (isBodyOpen && max > boundedRepeatMax) return false
    if (isBodyOpen && inside.hasLoop) return false
    if (isBodyOpen) tally.factor *= inside.factor ** max
    if (inside.hasLoop) {
      if (isOpen) tally.openLoops += tally.hasLoop ? 1 : 0
      tally.hasLoop = true
    }
  }
  if (max > boundedRepeatMax) {
    if (isOpen && tally.hasLoop) tally.openLoops++
    tally.hasLoop = true
  } else if (isOpen) tally.factor *= max - min + 1
  return tally.factor <= costFactorMax
}

// Returns true if what follows the node leaves any of its repetitions open.
function hasOpenLoop(node: RegexNode, follow: Follow): boolean {
  switch (node.kind) {
    case 'empty':
    case 'assert':
    case 'char':
      return false
    case 'group':
      return hasOpenLoop(node.body, follow)
    case 'concat': {
      let next = follow
      for (const part of node.parts.toReversed()) {
        if (hasOpenLoop(part, next)) return true
        next = { first: firstOf(part, next.first), isNullable: false }
      }
      return false
    }
    case 'alternate':
      return node.branches.some(branch => hasOpenLoop(branch, follow))
    case 'repeat': {
      const first = firstOf(node.body, follow.first)
      if (node.min !== node.max && charSetsOverlap(first, follow.first)) return true
      const again = { first: unionCharSets(first, follow.first), isNullable: false }
      return hasOpenLoop(node.body, node.max > 1 ? again : follow)
    }
  }
}

function isSingleChar(node: RegexNode): boolean {
  if (node.kind === 'char') return true
  if (node.kind === 'group') return isSingleChar(node.body)
  return node.kind === 'concat' && node.parts.length === 1 && isSingleChar(node.parts[0]!)
}
