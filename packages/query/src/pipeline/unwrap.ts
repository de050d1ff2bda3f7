// `| unwrap label`: the value of a label becomes the sample.

import type { Unwrap } from '../syntax/ast.ts'
import { parseBytes, parseDurationNs, parseFloatText } from './conversions.ts'
import type { Line } from './line.ts'

/** Gives the sample of a line; `undefined` where it has none. */
export type UnwrapValue = (line: Line) => number | undefined

const sampleError = 'SampleExtractionErr'

const conversions: Readonly<Record<string, (text: string) => number>> = {
  number: parseFloatText,
  bytes: parseBytes,
  duration: text => parseDurationNs(text) / 1e9,
  duration_seconds: text => parseDurationNs(text) / 1e9,
}

/** Compiles an unwrap. A value that is no number sets an error. */
export function compileUnwrap({ label, conversion }: Unwrap): UnwrapValue {
  const convert = conversions[conversion ?? 'number']!
  return ({ labels }) => {
    const text = labels.get(label)
    if (text === undefined || text === '') return undefined
    try {
      return convert(text)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      labels.setError(sampleError, error.message)
      return 0
    }
  }
}
