// Walks JSON text without building values. As lenient as the parser that Loki uses, and with its error
// texts: only what has to be looked at is checked.

export const jsonErrors = {
  malformed: 'Malformed JSON error',
  object: "Value looks like object, but can't find closing '}' symbol",
  array: "Value is array, but can't find closing ']' symbol",
  string: `Value is string, but can't find closing '"' symbol`,
  unknown: 'Unknown value type',
  key: 'Key path not found',
} as const

/** Says that a line is no JSON; cheap, since it may be thrown for every line. */
export class JsonTextError extends Error {
  static {
    // A place in this file helps nobody.
    JsonTextError.prototype.name = 'JsonTextError'
  }
}

export function jsonError(message: string): never {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const error = new JsonTextError(message)
  Error.stackTraceLimit = limit
  throw error
}

const quote = 0x22
const backslash = 0x5c

/** Skips spaces; the end of the text gives its length. */
export function skipSpaces(text: string, from: number): number {
  let at = from
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break
  }
  return at
}

/** Finds the quote that ends a string, from the character behind the opening one; -1 for none. */
export function stringEnd(text: string, from: number): number {
  let end = text.indexOf('"', from)
  while (end > from && text.charCodeAt(end - 1) === backslash) {
    let slashes = 1
    while (end - 1 - slashes >= from && text.charCodeAt(end - 1 - slashes) === backslash) slashes++
    if (slashes % 2 === 0) return end
    end = text.indexOf('"', end + 1)
  }
  return end
}

/** Finds the end (behind the bracket) of the object or array that begins at an offset; -1 for none. */
export function blockEnd(text: string, from: number): number {
  const open = text[from]!
  const close = open === '{' ? '}' : ']'
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) {
      at = stringEnd(text, at + 1)
      if (at < 0) return -1
    } else if (code === open.charCodeAt(0)) depth++
    else if (code === close.charCodeAt(0) && --depth === 0) return at + 1
  }
  return -1
}

/** Finds the end of a number or word. */
function tokenEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const isEnd =
      code === 0x20 ||
      code === 0x0a ||
      code === 0x0d ||
      code === 0x09 ||
      code === 0x2c ||
      code === 0x7d ||
      code === 0x5d
    if (isEnd) return at
  }
  return text.length
}

export type JsonType = 'string' | 'number' | 'boolean' | 'null' | 'object' | 'array'

/** A value by its place; for strings without the quotes. One object is used over and over. */
export interface JsonSlice {
  type: JsonType
  start: number
  end: number
  /** Offset behind the value. */
  next: number
}

/**
 * Finds the value at or behind an offset.
 *
 * @throws JsonTextError
 */
export function readValue(text: string, from: number, slice: JsonSlice): void {
  const at = skipSpaces(text, from)
  if (at >= text.length) jsonError(jsonErrors.malformed)
  const code = text.charCodeAt(at)
  slice.start = at
  if (code === quote) {
    const end = stringEnd(text, at + 1)
    if (end < 0) jsonError(jsonErrors.string)
    slice.type = 'string'
    slice.start = at + 1
    slice.end = end
    slice.next = end + 1
    return
  }
  if (code === 0x7b || code === 0x5b) {
    const isObject = code === 0x7b
    const end = blockEnd(text, at)
    if (end < 0) jsonError(isObject ? jsonErrors.object : jsonErrors.array)
    slice.type = isObject ? 'object' : 'array'
    slice.end = end
    slice.next = end
    return
  }
  const end = tokenEnd(text, at)
  slice.end = end
  slice.next = end
  slice.type = scalarType(text, at, end)
}

function scalarType(text: string, start: number, end: number): JsonType {
  const code = text.charCodeAt(start)
  if ((code >= 0x30 && code <= 0x39) || code === 0x2d) return 'number'
  const word = text.slice(start, end)
  if (word === 'true' || word === 'false') return 'boolean'
  return word === 'null' ? 'null' : jsonError(jsonErrors.unknown)
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

/** Resolves the escapes of a string's inside; a bad escape empties it. */
export function unescapeJson(text: string): string {
  if (!text.includes('\\')) return text
  let isBad = false
  const plain = text.replace(
    /\\(?:u([\da-fA-F]{4})(?:\\u([dD][c-fC-F][\da-fA-F]{2}))?|([\s\S])?)/g,
    (whole, unit?: string, low?: string, simple?: string) => {
      if (unit !== undefined) return unescapeUnit(unit, low)
      const char = simple === undefined ? undefined : escapes[simple]
      if (char === undefined) isBad = true
      return char ?? whole
    },
  )
  return isBad ? '' : plain
}

function unescapeUnit(unit: string, low: string | undefined): string {
  const code = Number.parseInt(unit, 16)
  const isHigh = code >= 0xd800 && code < 0xdc00
  if (low === undefined)
    return code >= 0xd800 && code < 0xe000 ? '\ufffd' : String.fromCharCode(code)
  const tail = String.fromCharCode(Number.parseInt(low, 16))
  if (isHigh) return String.fromCharCode(code) + tail
  return String.fromCharCode(code) + '\ufffd'
}
