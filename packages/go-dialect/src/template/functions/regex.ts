// Functions with regular expressions, one row each.

import { fn } from '../function.ts'
import { checkItemCount, checkTextLength } from '../print.ts'
import { type CallContext, GoList } from '../values.ts'

/** Functions for queries and the agent. */
export const regexFunctions = {
  regexReplaceAll: fn(['string', 'string', 'string'], (pattern, text, by, context) =>
    checkedText(context.regex(pattern).replaceAll(text, by)),
  ),
  regexReplaceAllLiteral: fn(['string', 'string', 'string'], (pattern, text, by, context) =>
    checkedText(context.regex(pattern).replaceEach(text, () => by)),
  ),
}

/** Functions only for queries. */
export const queryRegexFunctions = {
  count: fn(['string', 'string'], (pattern, text, context) => {
    let count = 0n
    context.regex(pattern).replaceEach(text, () => {
      count++
      return ''
    })
    return count
  }),
}

const find = fn(['string', 'string'], (pattern, text, context) => {
  return context.regex(pattern).exec(text)?.groups[0] ?? ''
})
const findAll = fn(['string', 'string', 'int'], (pattern, text, count, context) => {
  const found = findMatches(context, pattern, text).map(match => match.text)
  return new GoList(count < 0 ? found : found.slice(0, count), 'string')
})
const split = fn(['string', 'string', 'int'], (pattern, text, count, context) => {
  return new GoList(splitText(findMatches(context, pattern, text), text, count), 'string')
})

/** Functions only for the agent. */
export const moreRegexFunctions = {
  regexMatch: fn(['string', 'string'], (pattern, text, context) => {
    try {
      return context.regex(pattern).test(text)
    } catch (error) {
      // An invalid pattern matches nothing.
      if (error instanceof SyntaxError) return false
      throw error
    }
  }),
  mustRegexMatch: fn(['string', 'string'], (pattern, text, context) =>
    context.regex(pattern).test(text),
  ),
  regexFind: find,
  mustRegexFind: find,
  regexFindAll: findAll,
  mustRegexFindAll: findAll,
  regexSplit: split,
  mustRegexSplit: split,
  mustRegexReplaceAll: regexFunctions.regexReplaceAll,
  mustRegexReplaceAllLiteral: regexFunctions.regexReplaceAllLiteral,
  regexQuoteMeta: fn(['string'], text => text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&')),
}

interface FoundText {
  readonly start: number
  readonly text: string
}

function findMatches(context: CallContext, pattern: string, text: string): FoundText[] {
  const found: FoundText[] = []
  context.regex(pattern).replaceEach(text, match => {
    found.push({ start: match.index, text: match.groups[0]! })
    checkItemCount(found.length)
    return ''
  })
  return found
}

function splitText(matches: readonly FoundText[], text: string, count: number): string[] {
  if (count === 0) return []
  if (text === '') return ['']
  const parts: string[] = []
  let from = 0
  let lastStart = 0
  for (const match of matches) {
    if (count > 0 && parts.length === count - 1) break
    lastStart = match.start
    const end = match.start + match.text.length
    // An empty match at the very start does not split.
    if (end !== 0) parts.push(text.slice(from, match.start))
    from = end
  }
  if (lastStart !== text.length) parts.push(text.slice(from))
  return parts
}

function checkedText(text: string): string {
  checkTextLength(text.length)
  return text
}
