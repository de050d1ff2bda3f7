// `| unwrap label`: the value of a label becomes the sample.

import {
  parseBytes,
  parseDurationNs,
  parseFloatText,
  simpleDecimalBytes,
  simpleDurationBytes,
} from '@skald/go-dialect/number/conversions'
import type { Line } from '../pipeline/line.ts'
import type { Unwrap } from './unwrap-syntax.ts'

/** Gives the sample of a line; `undefined` where it has none. */
export type UnwrapValue = (line: Line) => number | undefined

const sampleError = 'SampleExtractionErr'

/** Makes samples of a label's value. */
export interface Conversion {
  /** @throws SyntaxError where the text is no number. */
  text(text: string): number
  /** Reads the plainest forms from bytes; NaN where the text has to be looked at. */
  simpleBytes(bytes: Uint8Array, start: number, end: number): number
}

const durationSeconds: Conversion = {
  text: text => parseDurationNs(text) / 1e9,
  simpleBytes: (bytes, start, end) => simpleDurationBytes(bytes, start, end) / 1e9,
}
const conversions: Readonly<Record<string, Conversion>> = {
  number: { text: parseFloatText, simpleBytes: simpleDecimalBytes },
  bytes: { text: parseBytes, simpleBytes: () => Number.NaN },
  duration: durationSeconds,
  duration_seconds: durationSeconds,
}

/** Finds the conversion of an unwrap. */
export function conversionOf({ conversion }: Unwrap): Conversion {
  return conversions[conversion ?? 'number']!
}

/** Compiles an unwrap. A value that is no number sets an error. */
export function compileUnwrap(unwrap: Unwrap): UnwrapValue {
  const convert = conversionOf(unwrap)
  return ({ labels }) => {
    const text = labels.get(unwrap.label)
    if (text === undefined || text === '') return undefined
    try {
      return convert.text(text)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      labels.setError(sampleError, error.message)
      return 0
    }
  }
}
