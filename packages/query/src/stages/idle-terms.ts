// Finds operands that match every line. Like Loki, they are dropped if there is any other operand: `|= "a"
// or ""` searches for a, and so does `|~ "a|.*"`.

import { foldCharSet } from '@skald/go-dialect/regex/char-set'
import { literalText } from '@skald/go-dialect/regex/simplify'
import { parseRegex, type RegexNode } from '@skald/go-dialect/regex/syntax'
import { isAnyLoop } from '../pipeline/label-regex.ts'
import type { LineFilterStage, LineFilterTerm } from './line-filter-syntax.ts'

/**
 * Returns the operands of a line filter that count. Negated ones all do, because each is a separate filter.
 */
export function withoutIdleTerms({ op, terms }: LineFilterStage): readonly LineFilterTerm[] {
  if (op !== '|=' && op !== '|~') return terms
  const matchesAll = isIdle({ op })
  const [first, second] = terms
  // If the first two match every line, the whole filter does.
  if (first && second && matchesAll(first) && matchesAll(second)) return [first]
  const kept = terms.filter(term => !matchesAll(term))
  return kept.length === 0 ? terms : kept
}

function isIdle({ op }: Pick<LineFilterStage, 'op'>): (term: LineFilterTerm) => boolean {
  return ({ value }) => value === '' || (op === '|~' && isOpen(value))
}

/** Returns true if a line filter passes every line, such as the `|= ""` of Grafana's query builder. */
export function passesEveryLine(stage: LineFilterStage): boolean {
  return (stage.op === '|=' || stage.op === '|~') && withoutIdleTerms(stage).every(isIdle(stage))
}

/**
 * Returns a pattern without the branches that match everything: `foo|` and `foo.*|.*` search for foo.
 * Returns `undefined` if it has none, or if another branch is more than a text. Text may ignore case.
 */
export function withoutOpenBranches(pattern: string): string | undefined {
  let root = parseRegex(pattern)?.root
  while (root?.kind === 'group') root = root.body
  if (root?.kind !== 'alternate') return undefined
  const texts: string[] = []
  for (const branch of root.branches) {
    const text = searchedText(branch)
    if (text === undefined) return undefined
    if (text !== '') texts.push(text)
  }
  return texts.length > 0 && texts.length < root.branches.length ? texts.join('|') : undefined
}

function isOpen(pattern: string): boolean {
  const root = parseRegex(pattern)?.root
  if (!root) return false
  const branches = root.kind === 'alternate' ? root.branches : [root]
  return branches.every(branch => isEmptyOrAny(branch))
}

function isEmptyOrAny(node: RegexNode): boolean {
  if (node.kind === 'group') return isEmptyOrAny(node.body)
  if (node.kind === 'concat') {
    const parts = flatParts(node)
    return parts.length === 1
      ? isEmptyOrAny(parts[0]!)
      : parts.every(({ kind }) => kind === 'empty')
  }
  return node.kind === 'empty' || (isAnyLoop(node) && node.min === 0)
}

// Returns a pattern for the text of `foo`, `foo.*`, `.*foo` and `.*foo.*`. Empty if it matches everything.
function searchedText(node: RegexNode): string | undefined {
  if (isEmptyOrAny(node)) return ''
  if (node.kind === 'group') return searchedText(node.body)
  const parts = flatParts(node)
  const isAny = (part: RegexNode | undefined) => part && isAnyLoop(part) && part.min === 0
  if (isAny(parts[0])) parts.shift()
  if (isAny(parts.at(-1))) parts.pop()
  return textPattern(parts)
}

function flatParts(node: RegexNode): RegexNode[] {
  return node.kind === 'concat' ? node.parts.flatMap(flatParts) : [node]
}

function textPattern(parts: readonly RegexNode[]): string | undefined {
  const text = literalText({ kind: 'concat', parts })
  if (parts.some(({ kind }) => kind === 'group')) return undefined
  if (text !== undefined) return escapeText(text) || undefined
  let folded = ''
  for (const part of parts) {
    const letter = foldedLetter(part) ?? literalText(part)
    // One letter in only one case: not a text that ignores case.
    if (letter === undefined || (foldedLetter(part) === undefined && /[a-z]/i.test(letter))) {
      return undefined
    }
    folded += letter
  }
  return `(?i:${escapeText(folded)})`
}

// Returns the letter if the node matches exactly its two cases.
function foldedLetter(node: RegexNode): string | undefined {
  if (node.kind !== 'char' || node.classText !== undefined) return undefined
  const code = node.set[0]!
  if (!/[A-Z]/.test(String.fromCodePoint(code))) return undefined
  const cases = foldCharSet([code, code])
  const isFolded = String(cases) === String(node.set)
  return isFolded ? String.fromCodePoint(code) : undefined
}

function escapeText(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
