// Walks the bytes of JSON text without building values. As lenient as Loki's parser, with the same error
// texts: it checks only what it has to read.

import { jsonEscapes } from '@skald/wire'
import type { ShortTexts } from './short-texts.ts'

/** Thrown when a line is not JSON. There is one instance per text, because every line may throw it. */
export class JsonTextError extends Error {}

export const jsonErrors = {
  malformed: new JsonTextError('Malformed JSON error'),
  object: new JsonTextError("Value looks like object, but can't find closing '}' symbol"),
  array: new JsonTextError("Value is array, but can't find closing ']' symbol"),
  string: new JsonTextError(`Value is string, but can't find closing '"' symbol`),
  unknown: new JsonTextError('Unknown value type'),
  escape: new JsonTextError('Encountered an invalid escape sequence in a string'),
  // 6 is the number of the object type in the JSON library that Loki uses.
  packed: new JsonTextError('expecting json object(6), but it is not'),
} as const

export const byte = {
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const

/** Skips spaces, up to `end`. */
export function skipSpaces(bytes: Uint8Array, from: number, end: number): number {
  let at = from
  for (; at < end; at++) {
    const code = bytes[at]!
    if (code > 0x20) return at
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
  }
  return at
}

/**
 * Returns the offset of the quote that ends a string, given the byte after the opening quote. Returns -1 if
 * there is none.
 */
export function stringEnd(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const code = bytes[at]!
    if (code === byte.quote) return at
    if (code === byte.backslash) at++
  }
  return -1
}

/**
 * Returns the offset after the closing bracket of the object or array at an offset. Returns -1 if it is not
 * closed.
 */
export function blockEnd(bytes: Uint8Array, from: number, end: number): number {
  const open = bytes[from]!
  const close = open === byte.openBrace ? byte.closeBrace : byte.closeBracket
  let depth = 0
  for (let at = from; at < end; at++) {
    const code = bytes[at]!
    if (code === byte.quote) {
      at = stringEnd(bytes, at + 1, end)
      if (at < 0) return -1
    } else if (code === open) depth++
    else if (code === close && --depth === 0) return at + 1
  }
  return -1
}

// Returns the end of a number or word.
function tokenEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from
  for (; at < end; at++) {
    const code = bytes[at]!
    if (code === byte.comma || code === byte.closeBrace || code === byte.closeBracket) break
    if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) break
  }
  return at
}

export type JsonType = 'string' | 'number' | 'boolean' | 'null' | 'object' | 'array'

/** The place of a value in the bytes, without quotes for strings. One object is reused. */
export interface JsonSlice {
  type: JsonType
  start: number
  end: number
  /** Offset after the value. */
  next: number
}

export function createJsonSlice(): JsonSlice {
  return { type: 'null', start: 0, end: 0, next: 0 }
}

/** The place of a key in the bytes, without quotes. One object is reused. */
export interface JsonKey {
  start: number
  end: number
}

/**
 * Reads the key at an offset. Returns the offset after its colon.
 *
 * @throws JsonTextError
 */
export function readKey(bytes: Uint8Array, from: number, end: number, key: JsonKey): number {
  if (bytes[from] !== byte.quote) throw jsonErrors.object
  key.start = from + 1
  key.end = stringEnd(bytes, key.start, end)
  if (key.end < 0) throw jsonErrors.malformed
  const at = skipSpaces(bytes, key.end + 1, end)
  if (at >= end || bytes[at] !== byte.colon) throw jsonErrors.malformed
  return at + 1
}

/**
 * Returns the offset of the next key, or of the bracket that closes the object, given the offset after a
 * value.
 *
 * @throws JsonTextError
 */
export function nextKey(bytes: Uint8Array, from: number, end: number): number {
  let at = skipSpaces(bytes, from, end)
  if (at >= end) throw jsonErrors.array
  if (bytes[at] === byte.closeBrace) return at
  if (bytes[at] !== byte.comma) throw jsonErrors.object
  at = skipSpaces(bytes, at + 1, end)
  if (at >= end) throw jsonErrors.array
  return at
}

/**
 * Finds the value at or after an offset.
 *
 * @throws JsonTextError
 */
export function readValue(bytes: Uint8Array, from: number, end: number, slice: JsonSlice): void {
  const at = skipSpaces(bytes, from, end)
  if (at >= end) throw jsonErrors.malformed
  const code = bytes[at]!
  slice.start = at
  if (code === byte.quote) {
    const stop = stringEnd(bytes, at + 1, end)
    if (stop < 0) throw jsonErrors.string
    slice.type = 'string'
    slice.start = at + 1
    slice.end = stop
    slice.next = stop + 1
    return
  }
  if (code === byte.openBrace || code === byte.openBracket) {
    const isObject = code === byte.openBrace
    const stop = blockEnd(bytes, at, end)
    if (stop < 0) throw isObject ? jsonErrors.object : jsonErrors.array
    slice.type = isObject ? 'object' : 'array'
    slice.end = stop
    slice.next = stop
    return
  }
  const stop = tokenEnd(bytes, at, end)
  slice.end = stop
  slice.next = stop
  slice.type =
    (code >= byte.zero && code <= byte.nine) || code === byte.minus
      ? 'number'
      : wordType(bytes, at, stop)
}

/**
 * Returns the offset after the value at or after an offset.
 *
 * @throws JsonTextError
 */
export function skipValue(bytes: Uint8Array, from: number, end: number): number {
  const at = skipSpaces(bytes, from, end)
  if (at >= end) throw jsonErrors.malformed
  const code = bytes[at]!
  if (code === byte.quote) {
    const stop = stringEnd(bytes, at + 1, end)
    if (stop < 0) throw jsonErrors.string
    return stop + 1
  }
  if (code === byte.openBrace || code === byte.openBracket) {
    const stop = blockEnd(bytes, at, end)
    if (stop < 0) throw code === byte.openBrace ? jsonErrors.object : jsonErrors.array
    return stop
  }
  const stop = tokenEnd(bytes, at, end)
  if ((code < byte.zero || code > byte.nine) && code !== byte.minus) wordType(bytes, at, stop)
  return stop
}

function wordType(bytes: Uint8Array, start: number, end: number): JsonType {
  if (isWord(bytes, start, end, 'true') || isWord(bytes, start, end, 'false')) return 'boolean'
  if (isWord(bytes, start, end, 'null')) return 'null'
  throw jsonErrors.unknown
}

function isWord(bytes: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word.charCodeAt(i)) return false
  return true
}

/** Returns the text of a value, with string escapes resolved. */
export function valueText(bytes: Buffer, slice: JsonSlice, texts: ShortTexts): string {
  const { type, start, end } = slice
  const text = texts.text(bytes, start, end)
  return type === 'string' ? unescapeJson(text) : text
}

/** Resolves the escapes in a string without its quotes. A bad escape gives the empty text. */
export function unescapeJson(text: string): string {
  if (!text.includes('\\')) return text
  let isBad = false
  const plain = text.replace(
    /\\(?:u([\da-fA-F]{4})(?:\\u([dD][c-fC-F][\da-fA-F]{2}))?|([\s\S])?)/g,
    (whole, unit?: string, low?: string, simple?: string) => {
      const char = unit === undefined ? jsonEscapes[simple ?? ''] : unescapeUnits(unit, low)
      if (char === undefined) isBad = true
      return char ?? whole
    },
  )
  return isBad ? '' : plain
}

// A lone surrogate is a bad escape.
function unescapeUnits(unit: string, low: string | undefined): string | undefined {
  const code = Number.parseInt(unit, 16)
  if (code < 0xd800 || code >= 0xe000) {
    return String.fromCharCode(code) + (low === undefined ? '' : '\ufffd')
  }
  if (low === undefined) return undefined
  return String.fromCharCode(code, Number.parseInt(low, 16)).toWellFormed()
}
