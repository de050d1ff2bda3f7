// Matchers of selectors, ready to run on label values.

import { compileRegex } from '@skald/go-dialect/regex/regex'
import { type LabelSet, labelValue, type Matcher } from '@skald/wire'

/**
 * Compiles one matcher to a test of a label's value; a missing label has the empty text. Patterns
 * match whole values.
 *
 * @throws RegexSyntaxError
 */
export function compileMatcher({ op, value }: Matcher): (text: string) => boolean {
  if (op === '=') return text => text === value
  if (op === '!=') return text => text !== value
  const regex = compileRegex(value, { anchored: true })
  return op === '=~' ? text => regex.test(text) : text => !regex.test(text)
}

/** Compiles all matchers of a selector to one test of label sets. */
export function compileMatchers(matchers: readonly Matcher[]): (labels: LabelSet) => boolean {
  const tests = matchers.map(matcher => ({ name: matcher.name, test: compileMatcher(matcher) }))
  return labels => tests.every(({ name, test }) => test(labelValue(labels, name)))
}
