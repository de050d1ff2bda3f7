// Readers of single values as configurations of Loki and Promtail define them: string, number, boolean, duration,
// byte size, label name. Each mistake has one wording: `KEY must be WHAT, found VALUE`.

import { parseConfigBytes, parseGoDuration, parsePrometheusDuration } from '@skald/go-dialect'
import { isLabelName } from '@skald/wire'
import { nearestName } from './config-problem.ts'
import { finiteNumber, isPlainNumber, plainBoolean } from './scalars.ts'
import type { ValueReader, YamlCursor } from './yaml-cursor.ts'

/** Reads a string. Plain numbers and booleans count as the string they are written as. */
export const readText: ValueReader<string> = cursor =>
  cursor.scalarText ??
  cursor.failAtKey(`${cursor.name} must be a string, found ${cursor.describe()}`)

/** Reads a string that must not be a plain number or boolean, like the stages' decoder. */
export const readStrictText: ValueReader<string> = cursor => {
  const text = readText(cursor)
  if (text === undefined || !cursor.isPlain) return text
  if (isPlainNumber(text)) {
    return cursor.fail(`${cursor.name} must be a string, found the number ${text}: write "${text}"`)
  }
  if (plainBoolean(text) !== undefined) {
    return cursor.fail(
      `${cursor.name} must be a string, found the boolean ${text}: write "${text}"`,
    )
  }
  return text
}

/** Reads a string or a plain number, like the decoder of some stages. Refuses booleans. */
export const readWeakText: ValueReader<string> = cursor => {
  const text = cursor.scalarText
  if (text === undefined || !cursor.isPlain || !isPlainNumber(text)) {
    return readStrictText(cursor)
  }
  const digits = text.replaceAll('_', '')
  if (!Number.isFinite(Number(digits))) return readStrictText(cursor)
  // Numbers are normalised: 0x10 becomes 16, 5.50 becomes 5.5, 010 becomes 8.
  if (/^[-+]?0\d+$/.test(digits)) return String(Number.parseInt(digits, 8))
  if (/^[-+]?\d+$/.test(digits)) return String(BigInt(digits))
  return String(Number(digits))
}

/** Reads a boolean in any of YAML 1.1's spellings. */
export const readBoolean: ValueReader<boolean> = cursor => {
  const text = cursor.scalarText
  const value = text !== undefined && cursor.isPlain ? plainBoolean(text) : undefined
  if (value !== undefined) return value
  return cursor.failAtKey(`${cursor.name} must be true or false, found ${cursor.describe()}`)
}

/** Reads a boolean that may also be quoted or a whole number, like the decoder of some stages. */
export const readLooseBoolean: ValueReader<boolean> = cursor => {
  const text = cursor.scalarText
  if (text !== undefined && !cursor.isPlain) {
    if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true
    if (/^(0|f|F|false|FALSE|False|)$/.test(text)) return false
  }
  if (text !== undefined && cursor.isPlain && /^\d+$/.test(text)) return Number(text) !== 0
  return readBoolean(cursor)
}

/**
 * Reads a whole number in any of YAML 1.1's spellings: `80`, `8_0`, `0x50`, `0120`, `8e1`. Refuses quoted
 * ones.
 */
export const readInteger: ValueReader<number> = cursor => integerOf(cursor, cursor.isPlain)

/** Reads a whole number that may also be quoted, like the stages' decoder. */
export const readLooseInteger: ValueReader<number> = cursor => integerOf(cursor, true)

function integerOf(cursor: YamlCursor, mayBe: boolean): number | undefined {
  const value = mayBe ? numberOf(cursor) : undefined
  if (value !== undefined && Number.isInteger(value) && Math.abs(value) < 2 ** 63) return value
  return cursor.failAtKey(
    `${cursor.name} must be a whole number${withoutQuotes(cursor)}, found ${cursor.describe()}`,
  )
}

function numberOf(cursor: YamlCursor): number | undefined {
  return finiteNumber(cursor.scalarText ?? '')
}

function withoutQuotes(cursor: YamlCursor): string {
  const isQuoted = numberOf(cursor) !== undefined && !cursor.isPlain
  return isQuoted ? ' without quotes' : ''
}

/** Reads a whole number of at least zero. */
export const readCount: ValueReader<number> = cursor => notNegative(cursor, readInteger(cursor))

/** Reads a whole number of at least zero that may also be quoted. */
export const readLooseCount: ValueReader<number> = cursor =>
  notNegative(cursor, readLooseInteger(cursor))

function notNegative(cursor: YamlCursor, value: number | undefined): number | undefined {
  return withinBounds(cursor, value, { minimum: 0 })
}

/** The least and the greatest allowed number. */
export interface Bounds {
  readonly minimum?: number
  readonly maximum?: number
}

/** Returns a number that was read, or reports that it is out of bounds. */
export function withinBounds(
  cursor: YamlCursor,
  value: number | undefined,
  { minimum, maximum }: Bounds,
): number | undefined {
  if (value === undefined) return undefined
  if (minimum !== undefined && value < minimum) {
    const demand = minimum === 0 ? 'not be negative' : `be at least ${minimum}`
    return cursor.failAtKey(`${cursor.name} must ${demand}, found ${cursor.describe()}`)
  }
  if (maximum !== undefined && value > maximum) {
    return cursor.failAtKey(`${cursor.name} must be at most ${maximum}, found ${cursor.describe()}`)
  }
  return value
}

/** Reads a number, with or without a fraction. */
export const readNumber: ValueReader<number> = cursor => finite(cursor, cursor.isPlain)

/** Reads a number that may also be quoted. */
export const readLooseNumber: ValueReader<number> = cursor => finite(cursor, true)

/** Reads a number, which may be infinity (`.inf`). */
export const readExtendedNumber: ValueReader<number> = cursor =>
  cursor.isPlain && /^\+?\.(inf|Inf|INF)$/.test(cursor.scalarText ?? '')
    ? Number.POSITIVE_INFINITY
    : readNumber(cursor)

function finite(cursor: YamlCursor, mayBe: boolean): number | undefined {
  const value = mayBe ? numberOf(cursor) : undefined
  if (value !== undefined && Number.isFinite(value)) return value
  return cursor.failAtKey(
    `${cursor.name} must be a number${withoutQuotes(cursor)}, found ${cursor.describe()}`,
  )
}

/** Reads a Go duration (`250ms`, `5m`) as milliseconds. */
export const readDurationMs: ValueReader<number> = cursor => {
  const text = cursor.scalarText
  try {
    if (text !== undefined) return Number(parseGoDuration(text)) / 1e6
  } catch {
    // Reported below, with the key's name.
  }
  return cursor.failAtKey(
    `${cursor.name} must be a duration such as 500ms, 10s or 1h30m, found ${cursor.describe()}`,
  )
}

/** Reads an interval: a Go duration above zero, as milliseconds. */
export const readPeriodMs: ValueReader<number> = cursor => aboveZero(cursor, readDurationMs(cursor))

/** Reads the refresh interval of discovery, a Prometheus duration (`30s`, `1d`), as milliseconds. */
export const readRefreshMs: ValueReader<number> = cursor => {
  const text = cursor.scalarText
  try {
    if (text !== undefined) return aboveZero(cursor, Number(parsePrometheusDuration(text)) / 1e6)
  } catch {
    // Reported below, with the key's name.
  }
  return cursor.failAtKey(
    `${cursor.name} must be a duration of whole numbers such as 30s, 1h30m or 1d, found ${cursor.describe()}`,
  )
}

function aboveZero(cursor: YamlCursor, value: number | undefined): number | undefined {
  if (value === undefined || value > 0) return value
  return cursor.failAtKey(`${cursor.name} must be above zero, found ${cursor.describe()}`)
}

/** Reads a byte size (`256KB`, `1048576`). */
export const readBytes: ValueReader<number> = cursor => {
  const text = cursor.scalarText
  try {
    if (text !== undefined) return parseConfigBytes(text)
  } catch {
    // Reported below, with the key's name.
  }
  return cursor.failAtKey(
    `${cursor.name} must be a byte size such as 256KB or 1048576, found ${cursor.describe()}`,
  )
}

/** Reads a list of strings. */
export const readTexts: ValueReader<string[]> = cursor => readList(readText)(cursor)

/** Makes a reader of lists from a reader of items. Null items are refused. */
export function readList<T>(readItem: ValueReader<T>): ValueReader<T[]> {
  return cursor => {
    const values: T[] = []
    for (const item of cursor.items()) {
      if (item.isNull) item.fail(`${item.name} is empty`)
      else {
        const value = readItem(item)
        if (value !== undefined) values.push(value)
      }
    }
    return values
  }
}

/** Makes a reader that accepts only the given strings. `ignoreCase` compares in lower case. */
export function readOneOf<T extends string>(
  choices: readonly T[],
  { ignoreCase = false } = {},
): ValueReader<T> {
  return cursor => {
    const text = cursor.scalarText
    const wanted = ignoreCase ? text?.toLowerCase() : text
    const choice = choices.find(name => (ignoreCase ? name.toLowerCase() : name) === wanted)
    if (choice !== undefined) return choice
    const named = choices.filter(name => name !== '')
    const near = text === undefined ? undefined : nearestName(text, named)
    const hint = near ? `: did you mean ${near}?` : ''
    return cursor.failAtKey(
      `${cursor.name} must be one of ${named.join(', ')}, found ${cursor.describe()}${hint}`,
    )
  }
}

/** Reads a map of strings. Null values count as empty strings. */
export const readTextMap: ValueReader<Map<string, string>> = cursor =>
  new Map(cursor.pairs().map(({ key, value }) => [key, textOrEmpty(value)]))

function textOrEmpty(cursor: YamlCursor): string {
  return cursor.isNull ? '' : (readText(cursor) ?? '')
}

/**
 * Reads a map of strings that must not be plain numbers or booleans. Null values count as empty strings.
 */
export const readStrictTextMap: ValueReader<Map<string, string>> = cursor =>
  new Map(
    cursor
      .pairs()
      .map(({ key, value }) => [key, value.isNull ? '' : (readStrictText(value) ?? '')]),
  )

/** Reads a map of labels. The names must be valid. */
export const readLabels: ValueReader<Map<string, string>> = cursor => {
  const labels = new Map<string, string>()
  for (const { key, value } of cursor.pairs()) {
    if (!isLabelName(key)) value.failAtKey(invalidLabelName(key))
    labels.set(key, textOrEmpty(value))
  }
  return labels
}

/** Reads a label name. */
export const readLabelName: ValueReader<string> = cursor => {
  const text = readText(cursor)
  if (text === undefined || isLabelName(text)) return text
  return cursor.failAtKey(invalidLabelName(text))
}

/** Returns the message for an invalid label name. */
export function invalidLabelName(name: string): string {
  return `${JSON.stringify(name)} is not a valid label name: use letters, digits and _, no digit first`
}

/** Accepts any value, for Promtail keys that have no effect here. */
export const readAnything: ValueReader<true> = () => true

/** Makes a reader that refuses a Promtail key the agent does not support. */
export function refuse(why: string): ValueReader<never> {
  return (cursor: YamlCursor) => cursor.failAtKey(`${cursor.name} is not supported: ${why}`)
}
