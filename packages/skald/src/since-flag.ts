// The flag --since of the commands that ask a store.

import { parsePrometheusDuration } from '@skald/go-dialect'
import { UsageError } from './errors.ts'

/**
 * Reads a duration, in nanoseconds.
 * @throws UsageError when it is none.
 */
export function readSince(text: string, usage: string): bigint {
  try {
    return parsePrometheusDuration(text)
  } catch (cause) {
    const why = (cause as Error).message
    throw new UsageError(`--since takes a duration such as 15m or 7d: ${why}`, { usage, cause })
  }
}
