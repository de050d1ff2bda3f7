// Limits the size of JSON push bodies: three bytes of JSON can become forty bytes of objects.

import { PushBodyError } from './errors.ts'
import { jsonValuesMax, uncountedJsonBytesMax } from './limits.ts'

const quote = 0x22
const comma = 0x2c
const backslash = 0x5c
const openBracket = 0x5b
const openBrace = 0x7b

/**
 * Returns the text of a JSON body.
 * @throws PushBodyError PUSH_BODY_TOO_LARGE when it has too many values.
 */
export function jsonBodyText(body: Buffer): string {
  if (body.length > uncountedJsonBytesMax && countValues(body) > jsonValuesMax) {
    throw new PushBodyError(`request body too large: more than ${jsonValuesMax} JSON values`, {
      code: 'PUSH_BODY_TOO_LARGE',
    })
  }
  return body.toString('utf8')
}

/** Counts roughly how many values begin outside of strings. */
function countValues(body: Buffer): number {
  let count = 0
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]!
    if (byte === quote) at = stringEnd(body, at + 1)
    else if (byte === comma || byte === openBracket || byte === openBrace) count++
  }
  return count
}

/** Returns the offset of the quote that ends a string. */
function stringEnd(body: Buffer, start: number): number {
  for (let at = body.indexOf(quote, start); at >= 0; at = body.indexOf(quote, at + 1)) {
    let slashes = 0
    while (body[at - 1 - slashes] === backslash) slashes++
    if (slashes % 2 === 0) return at
  }
  return body.length
}
