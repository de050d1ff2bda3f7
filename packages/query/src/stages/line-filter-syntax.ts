// Line filters as data, with parser and printer: `|= "error" or ip("10.0.0.0/8")`.

import { quoteGoString } from '@skald/go-dialect'
import type { TokenReader } from '../tokens/token-reader.ts'

export const lineFilterOps = ['|=', '!=', '|~', '!~', '|>', '!>'] as const

/** One operand of a line filter: text (or a pattern), or `ip("...")`. */
export interface LineFilterTerm {
  readonly kind: 'text' | 'ip'
  readonly value: string
}

export interface LineFilterStage {
  readonly kind: 'lineFilter'
  readonly op: (typeof lineFilterOps)[number]
  /** Joined by `or`: any must match. For `!=`, `!~` and `!>`, none may match. */
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
 * Returns true if an operand of a line filter is an address range. In a chain of `|=`, the text inside
 * `ip("...")` is searched instead, like in Loki. After `!=` each operand is a separate filter.
 */
export function isAddress(
  { op, terms }: Pick<LineFilterStage, 'op' | 'terms'>,
  { kind }: LineFilterTerm,
): boolean {
  return kind === 'ip' && (terms.length === 1 || op.startsWith('!'))
}
