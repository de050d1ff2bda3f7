// Sets the error of lines that are not JSON.

import { JsonTextError } from './json-bytes.ts'
import type { Line } from './line.ts'

export const jsonParserError = 'JSONParserErr'

/** Sets the error of a line from what a JSON parser threw. */
export function failLine(line: Line, error: unknown): void {
  if (!(error instanceof JsonTextError)) throw error
  line.labels.setParserError(jsonParserError, error.message)
}
