// `| unwrap label`: uses the value of a label as the sample.

import {
  parseBytes,
  parseDurationNs,
  parseFloatText,
  simpleDecimalBytes,
  simpleDurationBytes,
} from '@skald/go-dialect/number/conversions'
import type { Line } from '../pipeline/line.ts'
import type { Unwrap } from './unwrap-syntax.ts'

/** Returns the sample of a line, or `undefined` if it has none. */
export type UnwrapValue = (line: Line) => number | undefined

const sampleError = 'SampleExtractionErr'

/** Converts the value of a label to a sample. */
export interface Conversion {
  /** @throws SyntaxError if the text is not a number. */
  text(text: string): number
  /** Reads the simplest forms from bytes. NaN means: use `text`. */
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

/** Returns the conversion of an unwrap. */
export function conversionOf({ conversion }: Unwrap): Conversion {
  return conversions[conversion ?? 'number']!
}

/** Compiles an unwrap. A value that is not a number sets an error on the line. */
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
