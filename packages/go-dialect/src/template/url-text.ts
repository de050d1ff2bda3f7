// Query escaping as Go's net/url does it.

import { FunctionError } from '../errors.ts'
import { decodeGoText, encodeGoText } from '../text/go-bytes.ts'
import { checkTextLength } from './print.ts'

/** Escapes a text for a query: a space becomes `+`, what is not unreserved `%XX`. */
export function queryEscape(text: string): string {
  if (/^[\w.~-]*$/.test(text)) return text
  let escaped = ''
  for (const byte of encodeGoText(text)) {
    const char = String.fromCharCode(byte)
    if (/[\w.~-]/.test(char) && byte < 0x80) escaped += char
    else if (byte === 0x20) escaped += '+'
    else escaped += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  checkTextLength(escaped.length)
  return escaped
}

/** Reads what `queryEscape` writes. */
export function queryUnescape(text: string): string {
  const bad = /%(?![\da-fA-F]{2})/.exec(text)
  if (bad) {
    const shown = text.slice(bad.index, bad.index + 3)
    throw new FunctionError(`invalid URL escape ${JSON.stringify(shown)}`)
  }
  if (!/[%+]/.test(text)) return text
  const bytes = encodeGoText(text.replaceAll('+', ' '))
  const result = Buffer.alloc(bytes.length)
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === 0x25) {
      result[length] = Number.parseInt(bytes.toString('latin1', at + 1, at + 3), 16)
      at += 2
    } else {
      result[length] = bytes[at]!
    }
    length++
  }
  return decodeGoText(result.subarray(0, length))
}
