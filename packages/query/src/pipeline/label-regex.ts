// Regular expressions of label filters. They match whole values, except in simple forms. Loki replaces those
// with text searches, which are not anchored: `lit.*`, `.*lit`, `.*lit.*`, and alternatives with a common
// prefix (`error|err`).

import { type NeededTexts, neededTexts } from '@skald/go-dialect/regex/needed-texts'
import { parseRegex, type RegexNode } from '@skald/go-dialect/regex/syntax'
import type { Matcher } from '@skald/wire'
import { compileMatcher } from '@skald/wire/compile-matcher'

type Test = (value: string) => boolean

const passesAll: Test = () => true

/** Compiles the matcher of a label filter. */
export function compileFilterMatcher(matcher: Matcher): Test {
  const exact = compileMatcher(matcher)
  if (matcher.op === '=' || matcher.op === '!=') return exact
  const root = parseRegex(matcher.value)?.root
  const simple = root && simplify(root)
  if (!simple) return exact
  return matcher.op === '=~' ? simple : value => !simple(value)
}

/** Returns true if a matcher accepts every value, so no value needs to be read. */
export function passesEverything({ op, value }: Matcher): boolean {
  if (op !== '=~') return false
  const root = parseRegex(value)?.root
  return root !== undefined && simplify(root) === passesAll
}

/**
 * Returns the values that a matcher accepts, if it is a plain list of texts: `a|b`. Returns `undefined` for other
 * expressions, also if alternatives begin alike, because they are then searched within the value.
 */
export function listedValues({ op, value }: Matcher): readonly string[] | undefined {
  const legs = op === '=~' ? legsOf(value) : undefined
  if (!legs) return undefined
  const values = legs.map(([text, ...rest]) =>
    typeof text === 'string' && rest.length === 0 ? text : undefined,
  )
  const listed = values.filter(text => text !== undefined)
  if (listed.length < values.length) return undefined
  const isClass = listed.every(text => [...text].length === 1)
  const beginAlike = listed.some((text, i) => i > 0 && text[0] === listed[i - 1]![0])
  return beginAlike && !isClass ? undefined : listed
}

/** Returns the texts that are in every value that a `=~` accepts, or `undefined` if there are none. */
export function textsOfValues(pattern: string): NeededTexts | undefined {
  const legs = legsOf(pattern)
  // Of alternatives that begin alike, only the text before others in them is searched: `foo(a|b)|fox`.
  const isPartial = legs?.some(leg =>
    leg.some(piece => typeof piece !== 'string' && piece.kind === 'alternate'),
  )
  if (!legs || (legs.length > 1 && isPartial)) return undefined
  return neededTexts(parseRegex(pattern)!.root)
}

/** Returns the pieces of each alternative, or of the whole expression if it has none. */
function legsOf(pattern: string): (string | RegexNode)[][] | undefined {
  let root = parseRegex(pattern)?.root
  while (root?.kind === 'group') root = root.body
  if (!root) return undefined
  const branches = root.kind === 'alternate' ? root.branches : [root]
  return branches.map(branch => pieces(flat(branch)))
}

function simplify(node: RegexNode): Test | undefined {
  switch (node.kind) {
    case 'group':
      return simplify(node.body)
    case 'alternate':
      return simplifyAlternate(node.branches)
    case 'concat':
      return simplifyConcat(node.parts.flatMap(flat), '')
    case 'repeat':
      if (!isAnyLoop(node)) return undefined
      return node.min === 0 ? passesAll : value => value !== ''
    case 'empty':
      return passesAll
    case 'char': {
      const text = literalOf(node)
      return text === undefined ? undefined : value => value === text
    }
    case 'assert':
      return undefined
  }
}

function flat(node: RegexNode): readonly RegexNode[] {
  if (node.kind === 'group') return flat(node.body)
  if (node.kind === 'concat') return node.parts.flatMap(flat)
  return node.kind === 'empty' ? [] : [node]
}

function literalOf(node: RegexNode): string | undefined {
  if (node.kind !== 'char' || node.classText !== undefined) return undefined
  const [low, high] = node.set
  return node.set.length === 2 && low === high ? String.fromCodePoint(low!) : undefined
}

/** Returns true if a node is a loop of `.` only. Like in Loki, it may be greedy or lazy. */
export function isAnyLoop(node: RegexNode): node is Extract<RegexNode, { kind: 'repeat' }> {
  if (node.kind !== 'repeat' || node.max !== Number.POSITIVE_INFINITY || node.min > 1) return false
  const body = node.body
  return body.kind === 'char' && body.set.length === 4 && body.set[1] === 9 && body.set[2] === 11
}

// Joins adjacent characters into texts.
function pieces(parts: readonly RegexNode[]): (string | RegexNode)[] {
  const joined: (string | RegexNode)[] = []
  for (const part of parts) {
    const text = literalOf(part)
    const last = joined.at(-1)
    if (text === undefined) joined.push(part)
    else if (typeof last === 'string') joined[joined.length - 1] = last + text
    else joined.push(text)
  }
  return joined
}

// One text, with `.*` or alternatives around it.
function simplifyConcat(parts: readonly RegexNode[], base: string): Test | undefined {
  const joined = pieces(parts)
  if (base === '' && joined.length === 1 && typeof joined[0] === 'string') {
    const [text] = joined
    return value => value === text
  }
  if (joined.length > 3) return undefined
  let literal = base
  let literalCount = 0
  let tails: Test[] | undefined
  for (const piece of joined) {
    if (typeof piece === 'string') {
      if (literalCount++ > 0) return undefined
      literal += piece
    } else if (piece.kind === 'alternate' && literal !== '') {
      tails = concatAlternate(piece.branches, literal)
      if (!tails) return undefined
    } else if (!(isAnyLoop(piece) && piece.min === 0)) return undefined
  }
  if (tails) return value => tails.some(test => test(value))
  return literal === '' ? undefined : value => value.includes(literal)
}

function concatAlternate(branches: readonly RegexNode[], literal: string): Test[] | undefined {
  const tests: Test[] = []
  for (const branch of branches) {
    const parts = flat(branch)
    const test =
      parts.length === 0
        ? (value: string) => value.includes(literal)
        : simplifyConcat(parts, literal)
    if (!test) return undefined
    tests.push(test)
  }
  return tests
}

// Alternatives with a common prefix become that prefix and the rest of each, as Go parses them.
function simplifyAlternate(branches: readonly RegexNode[]): Test | undefined {
  const legs = branches.map(branch => pieces(flat(branch)))
  // Single characters become a class, which is not a simple form.
  if (
    legs.every(leg => leg.length === 1 && typeof leg[0] === 'string' && [...leg[0]].length === 1)
  ) {
    return undefined
  }
  const tests: Test[] = []
  for (let i = 0; i < branches.length; ) {
    const prefix = sharedPrefix(legs, i)
    if (prefix.end - i < 2) {
      const test = simplify(branches[i]!)
      if (!test) return undefined
      tests.push(test)
      i++
      continue
    }
    for (let k = i; k < prefix.end; k++) {
      const leg = legs[k]!
      const [head] = leg
      const isPlain = leg.length === 1
      if (!isPlain && simplify(branches[k]!) === undefined) return undefined
      tests.push(value => value.includes(head as string))
    }
    i = prefix.end
  }
  // As in line filters: `foo|` and `foo|.*` are foo. Alternatives that match everything are dropped.
  const kept = tests.filter(test => test !== passesAll)
  return kept.length === 0 ? passesAll : value => kept.some(test => test(value))
}

// Adjacent alternatives that begin with the same character.
function sharedPrefix(
  legs: readonly (string | RegexNode)[][],
  from: number,
): { readonly end: number } {
  const first = legs[from]![0]
  if (typeof first !== 'string') return { end: from + 1 }
  const [char] = first
  let end = from + 1
  for (; end < legs.length; end++) {
    const head = legs[end]![0]
    if (typeof head !== 'string' || !head.startsWith(char!)) break
  }
  return { end }
}
