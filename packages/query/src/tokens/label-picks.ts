// The parameters of `drop` and `keep`: names of labels, and matchers on their values.

import { formatMatcher, type Matcher, type MatcherOp } from '@skald/wire'
import type { TokenReader } from './token-reader.ts'

/** A label by its name, or only where its value matches. */
export interface LabelPick {
  readonly name: string
  readonly matcher?: Matcher
}

export function parseLabelPicks(reader: TokenReader): LabelPick[] {
  return reader.list(() => {
    const name = reader.expect('IDENTIFIER').text
    const op = reader.peek().type
    if (op !== '=' && op !== '=~' && op !== '!~' && op !== '!=') return { name }
    reader.take()
    const matcher = { name, op: op as MatcherOp, value: reader.expect('STRING').text }
    return { name, matcher }
  })
}

export function formatLabelPicks(picks: readonly LabelPick[]): string {
  return picks.map(({ name, matcher }) => (matcher ? formatMatcher(matcher) : name)).join(',')
}
