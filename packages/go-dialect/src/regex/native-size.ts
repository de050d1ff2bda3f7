// Whether V8 compiles a pattern soon. It does so in full when the pattern first runs, on a stack that
// grows with the pattern, and doubles its work with each `\b` that stands right behind another.

import type { RegexNode } from './syntax.ts'

/** Loops, groups and assertions. */
const jumpCountMax = 500
/** `\pL`, twice within a loop: each doubles the work for text beyond Latin-1; ten took a second. */
const propertyCountMax = 6
const wordAssertionCountMax = 64
/** Its compiler calls itself for each part of a sequence. */
const partCountMax = 3_000
/** Word assertions between two characters: four times the usual work. */
const wordRunMax = 4
/** Analysis of a pattern takes time in proportion to its depth, and so does the stack. */
const depthMax = 60
const nodeDepthMax = 1_000_000

/** Tells whether the pattern is one that V8, and our judgement of its speed, take in some milliseconds. */
export function isSmallForNative(root: RegexNode): boolean {
  const count = { nodes: 0, jumps: 0, properties: 0, parts: 0, wordAssertions: 0, depth: 0 }
  countNodes(root, { depth: 1, copies: 1 }, count)
  return (
    count.jumps <= jumpCountMax &&
    count.properties <= propertyCountMax &&
    count.parts <= partCountMax &&
    count.wordAssertions <= wordAssertionCountMax &&
    count.depth <= depthMax &&
    count.nodes * count.depth <= nodeDepthMax &&
    wordRunOf(root).longest <= wordRunMax
  )
}

interface Count {
  nodes: number
  jumps: number
  properties: number
  /** Of the longest sequence. */
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
  if (depth > depthMax) return
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

// Longest runs of word assertions with no character between: at both ends of a node, and anywhere.
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
      // V8 writes short loops out, three times at most.
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
