// Line filters as data, and how they are read and printed: `|= "error" or ip("10.0.0.0/8")`.

import { quoteGoString } from '@skald/go-dialect'
import type { TokenReader } from '../tokens/token-reader.ts'

export const lineFilterOps = ['|=', '!=', '|~', '!~', '|>', '!>'] as const

/** One operand of a line filter: a text (or pattern), or `ip("...")`. */
export interface LineFilterTerm {
  readonly kind: 'text' | 'ip'
  readonly value: string
}

export interface LineFilterStage {
  readonly kind: 'lineFilter'
  readonly op: (typeof lineFilterOps)[number]
  /** Joined by `or`: any of them; for `!=`, `!~`, `!>` none of them. */
  readonly terms: readonly LineFilterTerm[]
}

export function parseLineFilter(reader: TokenReader): LineFilterStage {
  const op = reader.take().type as LineFilterStage['op']
  const terms: LineFilterTerm[] = []
  do {
    if (reader.takeIf('ip')) {
      reader.expect('(')
      terms.push({ kind: 'ip', value: reader.expect('STRING').text })
      reader.expect(')')
    } else terms.push({ kind: 'text', value: reader.expect('STRING', 'ip').text })
  } while (reader.takeIf('or'))
  return { kind: 'lineFilter', op, terms }
}

export function formatLineFilter({ op, terms }: LineFilterStage): string {
  const texts = terms.map(({ kind, value }) => {
    const text = quoteGoString(value)
    return kind === 'ip' ? `ip(${text})` : text
  })
  return `${op} ${texts.join(' or ')}`
}

/**
 * Returns whether an operand of a line filter means addresses. In a chain of `|=` the text inside
 * `ip("...")` is searched for instead, as in Loki; after `!=` each operand is a separate filter.
 */
export function isAddress(
  { op, terms }: Pick<LineFilterStage, 'op' | 'terms'>,
  { kind }: LineFilterTerm,
): boolean {
  return kind === 'ip' && (terms.length === 1 || op.startsWith('!'))
}
