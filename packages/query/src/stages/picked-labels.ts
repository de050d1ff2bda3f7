// Code shared by `drop` and `keep`: the matchers among their parameters.

import { compileMatcher } from '@skald/wire/compile-matcher'
import type { LabelPick } from '../tokens/label-picks.ts'
import type { NamedMatcher, VisitRegex } from './definition.ts'
import { visitMatcherRegex } from './matcher-regex.ts'

interface Picks {
  readonly picks: readonly LabelPick[]
}

/** A label, and whether its value is meant. */
interface PickTest {
  readonly name: string
  readonly test: (value: string) => boolean
}

export function compilePicks({ picks }: Picks): PickTest[] {
  return picks.map(({ name, matcher }) => ({
    name,
    test: matcher ? compileMatcher(matcher) : () => true,
  }))
}

/** @throws RegexSyntaxError */
export function checkPicks({ picks }: Picks): void {
  for (const { matcher } of picks) if (matcher) compileMatcher(matcher)
}

export function visitPickRegexes({ picks }: Picks, visit: VisitRegex): void {
  for (const { matcher } of picks) if (matcher) visitMatcherRegex(matcher, visit)
}

export function matchersOfPicks({ picks }: Picks): NamedMatcher[] {
  return picks.flatMap(({ matcher }) =>
    matcher ? [{ matcher, expected: ', expecting IDENTIFIER' }] : [],
  )
}
