// `| unwrap label` as data, and how it is read and printed.

import {
  formatLabelFilter,
  type LabelFilter,
  needLabelFilter,
  parseLabelFilter,
} from '../tokens/label-filter-syntax.ts'
import type { PrintStyle } from '../tokens/literal-text.ts'
import type { TokenReader } from '../tokens/token-reader.ts'

export type UnwrapConversion = 'bytes' | 'duration' | 'duration_seconds'

/** Takes the value of a label as the sample. */
export interface Unwrap {
  readonly label: string
  readonly conversion?: UnwrapConversion
  /** Filters after the unwrap, which see conversion errors. */
  readonly filters: readonly LabelFilter[]
}

const conversionTypes = ['BYTES_CONV', 'DURATION_CONV', 'DURATION_SECONDS_CONV']

/** Reads an unwrap and its filters, from the word on. */
export function parseUnwrap(reader: TokenReader): Unwrap {
  reader.expect('unwrap')
  const { type } = reader.peek()
  let conversion: UnwrapConversion | undefined
  let label: string
  if (conversionTypes.includes(type)) {
    conversion = reader.take().text as UnwrapConversion
    reader.expect('(')
    label = reader.expect('IDENTIFIER').text
    reader.expect(')')
  } else label = reader.expect('IDENTIFIER', ...conversionTypes).text
  const filters: LabelFilter[] = []
  while (reader.takeIf('|')) {
    needLabelFilter(reader)
    filters.push(parseLabelFilter(reader))
  }
  return { label, ...(conversion && { conversion }), filters }
}

export function formatUnwrap(unwrap: Unwrap, style: PrintStyle): string {
  const label = unwrap.conversion ? `${unwrap.conversion}(${unwrap.label})` : unwrap.label
  const filters = unwrap.filters.map(filter => ` | ${formatLabelFilter(filter, style)}`)
  return `| unwrap ${label}${filters.join('')}`
}
