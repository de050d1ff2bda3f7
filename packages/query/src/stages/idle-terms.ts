// What matches every line and is dropped, as in Loki, as soon as it stands beside something else:
// `|= "a" or ""` looks for a, and so does `|~ "a|.*"`.

import { foldCharSet } from '@skald/go-dialect/regex/char-set'
import { literalText } from '@skald/go-dialect/regex/simplify'
import { parseRegex, type RegexNode } from '@skald/go-dialect/regex/syntax'
import { isAnyLoop } from '../pipeline/label-regex.ts'
import type { LineFilterStage, LineFilterTerm } from './line-filter-syntax.ts'

/** Returns the operands of a line filter that count. Negated ones all do: each is a filter of its own. */
export function withoutIdleTerms({ op, terms }: LineFilterStage): readonly LineFilterTerm[] {
  if (op !== '|=' && op !== '|~') return terms
  const isIdle = ({ value }: LineFilterTerm) => value === '' || (op === '|~' && isOpen(value))
  const [first, second] = terms
  // Two of them in front are every line, whatever follows.
  if (first && second && isIdle(first) && isIdle(second)) return [first]
  const kept = terms.filter(term => !isIdle(term))
  return kept.length === 0 ? terms : kept
}

/**
 * Returns a pattern without its branches that match everything: `foo|` and `foo.*|.*` look for foo. `undefined` where
 * it has none, or where another branch is more than a text. Small and large letters may be alike in a text.
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

// A pattern for the text of `foo`, `foo.*`, `.*foo` and `.*foo.*`; empty for what matches everything.
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
    // One letter in one case only: this is no text in which cases are alike.
    if (letter === undefined || (foldedLetter(part) === undefined && /[a-z]/i.test(letter))) {
      return undefined
    }
    folded += letter
  }
  return `(?i:${escapeText(folded)})`
}

// The letter whose cases, and nothing else, a character may be.
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
