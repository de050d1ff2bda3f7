// Label matchers, the conditions of a stream selector, as data. The query package decides what they
// match, because it owns the regular expressions.

import { quoteGoString } from '@skald/go-dialect'

/** `=` equal, `!=` not equal, `=~` matches the whole value, `!~` does not. */
export type MatcherOp = '=' | '!=' | '=~' | '!~'

/** One condition of a selector: `name op "value"`. */
export interface Matcher {
  readonly name: string
  readonly op: MatcherOp
  readonly value: string
}

/** Formats a matcher as LogQL: `app=~"a.*"`. */
export function formatMatcher(matcher: Matcher): string {
  return `${matcher.name}${matcher.op}${quoteGoString(matcher.value)}`
}

/** Formats a selector as LogQL: `{app=~"a.*", env="dev"}`. */
export function formatSelector(matchers: readonly Matcher[]): string {
  return `{${matchers.map(formatMatcher).join(', ')}}`
}
