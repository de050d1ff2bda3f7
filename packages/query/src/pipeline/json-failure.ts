// The error of lines that are no JSON.

import { JsonTextError } from './json-bytes.ts'
import type { Line } from './line.ts'

export const jsonParserError = 'JSONParserErr'

/** Makes what a JSON parser threw the error of the line. */
export function failLine(line: Line, error: unknown): void {
  if (!(error instanceof JsonTextError)) throw error
  line.labels.setParserError(jsonParserError, error.message)
}
