// The parameters of `json` and `logfmt`: `label="expression"`, or a name for both.

import { quoteGoString } from '@skald/go-dialect'
import type { TokenReader } from './token-reader.ts'

export interface NamedExpression {
  readonly name: string
  readonly expression: string
}

/** Reads what may be none. */
export function parseNamedExpressions(reader: TokenReader): NamedExpression[] {
  if (reader.peek().type !== 'IDENTIFIER') return []
  return reader.list(() => {
    const name = reader.expect('IDENTIFIER').text
    const expression = reader.takeIf('=') ? reader.expect('STRING').text : name
    return { name, expression }
  })
}

/** Writes them with a space in front; nothing if there are none. */
export function formatNamedExpressions(items: readonly NamedExpression[]): string {
  if (items.length === 0) return ''
  return ` ${items.map(item => `${item.name}=${quoteGoString(item.expression)}`).join(',')}`
}
