// Decides whether V8 compiles a pattern quickly. V8 compiles fully when the pattern first runs, on a stack
// that grows with the pattern. It emits what follows a `\b` for both of its answers, so its work grows faster than
// the number of `\b` that follow each other without a character between them: on Node 24, one takes 0.03 ms and
// sixteen groups of one each take 3 ms.

import {
  nativeDepthMax,
  nativeJumpsMax,
  nativeNodeDepthsMax,
  nativePartsMax,
  nativePropertiesMax,
  nativeWordAssertionsMax,
  nativeWordRunMax,
} from '../limits.ts'
import type { RegexNode } from './syntax.ts'

/** Returns true if V8, and the estimate of its speed, can process the pattern in a few milliseconds. */
export function isSmallForNative(root: RegexNode): boolean {
  const count = { nodes: 0, jumps: 0, properties: 0, parts: 0, wordAssertions: 0, depth: 0 }
  countNodes(root, { depth: 1, copies: 1 }, count)
  return (
    count.jumps <= nativeJumpsMax &&
    count.properties <= nativePropertiesMax &&
    count.parts <= nativePartsMax &&
    count.wordAssertions <= nativeWordAssertionsMax &&
    count.depth <= nativeDepthMax &&
    count.nodes * count.depth <= nativeNodeDepthsMax &&
    wordRunOf(root).longest <= nativeWordRunMax
  )
}

interface Count {
  nodes: number
  jumps: number
  properties: number
  /** Length of the longest sequence. */
  parts: number
  wordAssertions: number
  depth: number
}

interface Place {
  readonly depth: number
  readonly copies: number
}

function countNodes(node: RegexNode, { depth, copies }: Place, count: Count): void {
  const inside = { depth: depth + 1, copies }
  count.nodes++
  count.depth = Math.max(count.depth, depth)
  if (depth > nativeDepthMax) return
  switch (node.kind) {
    case 'empty':
      return
    case 'char':
      if (node.classText === undefined) count.nodes += node.set.length >> 4
      else count.properties += copies * (node.classText.split(/\\p/i).length - 1)
      return
    case 'assert':
      count.jumps++
      if (isWordAssertion(node)) count.wordAssertions++
      return
    case 'group':
      count.jumps++
      countNodes(node.body, inside, count)
      return
    case 'repeat':
      count.jumps++
      countNodes(node.body, { ...inside, copies: node.max > 1 ? 2 * copies : copies }, count)
      return
    case 'concat':
      count.parts = Math.max(count.parts, node.parts.length)
      for (const part of node.parts) countNodes(part, inside, count)
      return
    case 'alternate':
      for (const branch of node.branches) countNodes(branch, inside, count)
      return
  }
}

// Longest runs of word assertions without a character between them: at both ends of a node, and anywhere.
interface WordRun {
  readonly start: number
  readonly end: number
  readonly longest: number
  readonly isNullable: boolean
}

const noWords: WordRun = { start: 0, end: 0, longest: 0, isNullable: true }

function wordRunOf(node: RegexNode): WordRun {
  switch (node.kind) {
    case 'empty':
      return noWords
    case 'char':
      return { ...noWords, isNullable: false }
    case 'assert':
      return isWordAssertion(node) ? { start: 1, end: 1, longest: 1, isNullable: true } : noWords
    case 'group':
      return wordRunOf(node.body)
    case 'concat':
      return node.parts.reduce((run, part) => joinRuns(run, wordRunOf(part)), noWords)
    case 'alternate':
      return node.branches.map(wordRunOf).reduce((a, b) => ({
        start: Math.max(a.start, b.start),
        end: Math.max(a.end, b.end),
        longest: Math.max(a.longest, b.longest),
        isNullable: a.isNullable || b.isNullable,
      }))
    case 'repeat': {
      const once = wordRunOf(node.body)
      // V8 unrolls short loops, up to three times.
      let run = node.max > 1 ? joinRuns(once, once) : once
      if (node.max > 2) run = joinRuns(run, once)
      return { ...run, isNullable: run.isNullable || node.min === 0 }
    }
  }
}

function joinRuns(a: WordRun, b: WordRun): WordRun {
  return {
    start: a.isNullable ? a.start + b.start : a.start,
    end: b.isNullable ? a.end + b.end : b.end,
    longest: Math.max(a.longest, b.longest, a.end + b.start),
    isNullable: a.isNullable && b.isNullable,
  }
}

function isWordAssertion(node: RegexNode): boolean {
  return node.kind === 'assert' && (node.assertion === 'word' || node.assertion === 'notWord')
}
