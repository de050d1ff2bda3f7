// The regular expression of a matcher.

import type { Matcher } from '@skald/wire'
import type { VisitRegex } from './definition.ts'

/** Calls `visit` if the matcher has a regular expression. */
export function visitMatcherRegex({ op, value }: Matcher, visit: VisitRegex): void {
  if (op === '=~' || op === '!~') visit(value, { anchored: true })
}
