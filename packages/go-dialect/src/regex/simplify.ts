// Reduces a pattern to what decides whether a text matches. A search does not depend on what a loop at
// either end takes beyond its minimum.

import type { RegexNode } from './syntax.ts'

const empty: RegexNode = { kind: 'empty' }

/** Removes groups, and needless loops at both ends, from a pattern used only to search. */
export function simplifyForTest(root: RegexNode): RegexNode {
  return trimEnd(trimStart(withoutGroups(root)))
}

/** Anchors a pattern at both ends. */
export function anchorBoth(root: RegexNode): RegexNode {
  return {
    kind: 'concat',
    parts: [
      { kind: 'assert', assertion: 'textStart' },
      { kind: 'concat', parts: [root] },
      { kind: 'assert', assertion: 'textEnd' },
    ],
  }
}

/** Returns the text of a pattern that is only a text. */
export function literalText(node: RegexNode): string | undefined {
  switch (node.kind) {
    case 'empty':
      return ''
    case 'char':
      if (node.set.length !== 2 || node.set[0] !== node.set[1] || node.set[0] === 0xfffd) {
        return undefined
      }
      return String.fromCodePoint(node.set[0]!)
    case 'group':
      return literalText(node.body)
    case 'concat': {
      let text = ''
      for (const part of node.parts) {
        const piece = literalText(part)
        if (piece === undefined) return undefined
        text += piece
      }
      return text
    }
    case 'assert':
    case 'alternate':
    case 'repeat':
      return undefined
  }
}

/** Removes all capturing groups except those with the given numbers. */
export function withoutGroups(
  node: RegexNode,
  kept: ReadonlySet<number> = new Set<number>(),
): RegexNode {
  switch (node.kind) {
    case 'group': {
      const body = withoutGroups(node.body, kept)
      return kept.has(node.index) ? { ...node, body } : body
    }
    case 'concat': {
      const parts = node.parts
        .map(part => withoutGroups(part, kept))
        .flatMap(part => (part.kind === 'concat' ? part.parts : [part]))
        .filter(part => part.kind !== 'empty')
      return parts.length === 0 ? empty : { kind: 'concat', parts }
    }
    case 'alternate':
      return {
        kind: 'alternate',
        branches: node.branches.map(branch => withoutGroups(branch, kept)),
      }
    case 'repeat':
      return { ...node, body: withoutGroups(node.body, kept) }
    case 'empty':
    case 'assert':
    case 'char':
      return node
  }
}

function leastRepeat(node: RegexNode): RegexNode {
  if (node.kind !== 'repeat') return node
  if (node.min === 0) return empty
  return node.min === 1 ? node.body : { ...node, max: node.min }
}

// Returns the parts left after removing optional loops from one end.
function trimStart(node: RegexNode): RegexNode {
  if (node.kind === 'repeat') return leastRepeat(node)
  if (node.kind !== 'concat') return node
  const kept = trimmedCount(node.parts.length, i => node.parts[i]!)
  return concatOf([...kept.end, ...node.parts.slice(node.parts.length - kept.count)])
}

function trimEnd(node: RegexNode): RegexNode {
  if (node.kind !== 'concat') return node
  const kept = trimmedCount(node.parts.length, i => node.parts.at(-1 - i)!)
  return concatOf([...node.parts.slice(0, kept.count), ...kept.end])
}

// Returns how many parts stay unchanged, and the new part before them.
function trimmedCount(
  count: number,
  partAt: (i: number) => RegexNode,
): { readonly count: number; readonly end: readonly RegexNode[] } {
  for (let i = 0; i < count; i++) {
    let end = partAt(i)
    while (end.kind === 'repeat' && end.min !== end.max) end = leastRepeat(end)
    if (end.kind !== 'empty') return { count: count - i - 1, end: [end] }
  }
  return { count: 0, end: [] }
}

function concatOf(parts: readonly RegexNode[]): RegexNode {
  return parts.length === 0 ? empty : { kind: 'concat', parts }
}
