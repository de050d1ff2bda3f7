// Values of the store that keep the form they are written in, because `/config` shows them that way. The readers
// check them; the parsers turn them into numbers with units.

import {
  parseConfigBytes,
  parseGoDuration,
  parsePrometheusDuration,
  parseRfc3339,
} from '@skald/go-dialect'
import { readInteger } from './readers.ts'
import type { ValueReader, YamlCursor } from './yaml-cursor.ts'

/** Reads a duration of Prometheus or Go (`30s`, `7d`, `1.5h`) as written. Of plain numbers, only 0 is one. */
export const readWrittenDuration: ValueReader<string | 0> = cursor => {
  if (isPlainZero(cursor)) return 0
  return checkText(cursor, parseWrittenDuration, 'a duration such as 30s, 10m or 7d')
}

/** Parses a duration that `readWrittenDuration` accepts. 0 means none. Returns nanoseconds. */
export function parseWrittenDuration(value: string | number): bigint {
  if (value === 0) return 0n
  try {
    return parsePrometheusDuration(String(value))
  } catch {
    // Loki also accepts Go's durations (1.5h).
    return parseGoDuration(String(value))
  }
}

/** Reads a byte size as written (`256KB`). Plain whole numbers become numbers. */
export const readWrittenBytes: ValueReader<string | number> = cursor => {
  const number = cursor.isPlain ? readInteger(cursor.unjudged) : undefined
  if (number !== undefined && number >= 0) return number
  return checkText(cursor, parseConfigBytes, 'a byte size such as 256KB or 1048576')
}

/**
 * Reads a time of Loki's flags as written: RFC 3339, or a date with or without hour and minute. 0 and the empty text
 * mean none.
 */
export const readWrittenTime: ValueReader<string | 0> = cursor => {
  if (isPlainZero(cursor)) return 0
  return checkText(cursor, checkTime, 'a time such as 2025-01-31T12:00:00Z')
}

/** Parses a time that `readWrittenTime` accepts. Returns nanoseconds, or `undefined` for none. */
export function parseWrittenTime(text: string | 0): bigint | undefined {
  if (text === '' || text === '0' || text === 0) return undefined
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text)
  const isMinute = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text)
  return parseRfc3339(isDay ? `${text}T00:00:00Z` : isMinute ? `${text}:00Z` : text)
}

function checkTime(text: string): void {
  if (text === '' || text === '0') return
  if (parseWrittenTime(text) === undefined) throw new SyntaxError('not a time')
}

function isPlainZero(cursor: YamlCursor): boolean {
  return cursor.isPlain && cursor.value === 0
}

/** Returns a text that can be parsed, or reports what it must be. Plain numbers are no texts here. */
function checkText(
  cursor: YamlCursor,
  parse: (text: string) => unknown,
  demand: string,
): string | undefined {
  const text = cursor.scalarText
  try {
    if (text !== undefined && !(cursor.isPlain && typeof cursor.value === 'number')) {
      parse(text)
      return text
    }
  } catch {
    // Reported below, with the key's name.
  }
  return cursor.failAtKey(`${cursor.name} must be ${demand}, found ${cursor.describe()}`)
}
