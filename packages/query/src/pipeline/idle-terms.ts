// What matches every line and is dropped, as in Loki, as soon as it stands beside something else:
// `|= "a" or ""` looks for a, and so does `|~ "a|.*"`.

import { literalText } from '../regex/simplify.ts'
import { parseRegex, type RegexNode } from '../regex/syntax.ts'
import type { LineFilterTerm, Stage } from '../syntax/ast.ts'
import { isAnyLoop } from './label-regex.ts'

type LineFilterStage = Extract<Stage, { kind: 'lineFilter' }>

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
 * Returns the texts that an alternation looks for, of which some branches match everything: `foo|` and
 * `foo.*|.*` look for foo.
 */
export function textsOfOpenAlternation(pattern: string): string[] | undefined {
  const root = parseRegex(pattern)?.root
  if (root?.kind !== 'alternate') return undefined
  const texts: string[] = []
  for (const branch of root.branches) {
    const text = searchedText(branch)
    if (text === undefined) return undefined
    if (text !== '') texts.push(text)
  }
  return texts.length > 0 && texts.length < root.branches.length ? texts : undefined
}

function isOpen(pattern: string): boolean {
  const root = parseRegex(pattern)?.root
  if (!root) return false
  const branches = root.kind === 'alternate' ? root.branches : [root]
  return branches.every(branch => isEmptyOrAny(branch))
}

function isEmptyOrAny(node: RegexNode): boolean {
  if (node.kind === 'group') return isEmptyOrAny(node.body)
  if (node.kind === 'concat') return node.parts.every(part => part.kind === 'empty')
  return node.kind === 'empty' || (isAnyLoop(node) && node.min === 0)
}

// The text of `foo`, `foo.*`, `.*foo` and `.*foo.*`; empty for what matches everything.
function searchedText(node: RegexNode): string | undefined {
  if (isEmptyOrAny(node)) return ''
  if (node.kind === 'group') return searchedText(node.body)
  if (node.kind !== 'concat') return literalText(node)
  const parts = [...node.parts]
  const isAny = (part: RegexNode | undefined) => part && isAnyLoop(part) && part.min === 0
  if (isAny(parts[0])) parts.shift()
  if (isAny(parts.at(-1))) parts.pop()
  return literalText({ kind: 'concat', parts }) || undefined
}
