// Functions that encode text, one row each.

import { decodeGoText, encodeGoText } from '../../text/go-bytes.ts'
import { fn } from '../function.ts'
import { queryEscape, queryUnescape } from '../url-text.ts'

/** Functions for queries and the agent. */
export const encodingFunctions = {
  b64enc: fn(['string'], text => encodeGoText(text).toString('base64')),
  b64dec: fn(['string'], text => {
    const bad = badBase64At(text)
    if (bad !== undefined) return `illegal base64 data at input byte ${bad}`
    return decodeGoText(Buffer.from(text, 'base64'))
  }),
}

/** Functions only for queries. */
export const queryEncodingFunctions = {
  urlencode: fn(['string'], queryEscape),
  urldecode: fn(['string'], queryUnescape),
}

/** Functions only for the agent. */
export const moreEncodingFunctions = {
  b32enc: fn(['string'], text => encodeBase32(encodeGoText(text))),
  b32dec: fn(['string'], decodeBase32),
}

/** Returns the byte at which a text is no longer padded base64, or `undefined` if all of it is. */
function badBase64At(text: string): number | undefined {
  const bytes = encodeGoText(text).toString('latin1')
  const digits: number[] = []
  for (let at = 0; at < bytes.length; at++) {
    const char = bytes[at]!
    // Skip line ends.
    if (char === '\n' || char === '\r') continue
    if (char === '=') return badPaddingAt(bytes, at, digits.length % 4)
    if (!/[A-Za-z0-9+/]/.test(char)) return at
    digits.push(at)
  }
  const left = digits.length % 4
  return left === 0 ? undefined : bytes.length - left
}

function badPaddingAt(bytes: string, at: number, digitCount: number): number | undefined {
  if (digitCount < 2) return at
  let rest = at + 1
  const skipLineEnds = () => {
    while (bytes[rest] === '\n' || bytes[rest] === '\r') rest++
  }
  if (digitCount === 2) {
    skipLineEnds()
    if (rest === bytes.length) return bytes.length
    if (bytes[rest] !== '=') return rest - 1
    rest++
  }
  skipLineEnds()
  return rest < bytes.length ? rest : undefined
}

const base32Digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

function encodeBase32(bytes: Buffer): string {
  let text = ''
  let bits = 0
  let bitCount = 0
  for (const byte of bytes) {
    bits = ((bits & 0x1f) << 8) | byte
    bitCount += 8
    while (bitCount >= 5) {
      bitCount -= 5
      text += base32Digits[(bits >> bitCount) & 0x1f]
    }
  }
  if (bitCount > 0) text += base32Digits[(bits << (5 - bitCount)) & 0x1f]
  return text.padEnd(Math.ceil(text.length / 8) * 8, '=')
}

function decodeBase32(text: string): string {
  const body = text.replace(/[\r\n]/g, '')
  const digits = /^[A-Z2-7]*/.exec(body)![0]
  const padding = body.slice(digits.length)
  const isWhole = body.length % 8 === 0 && /^(?:|=|={3}|={4}|={6})$/.test(padding)
  if (!isWhole) {
    const at = /^=*$/.test(padding) ? body.length - (body.length % 8) : digits.length
    return `illegal base32 data at input byte ${at}`
  }
  const bytes: number[] = []
  let bits = 0
  let bitCount = 0
  for (const digit of digits) {
    bits = ((bits & 0xff) << 5) | base32Digits.indexOf(digit)
    bitCount += 5
    if (bitCount >= 8) {
      bitCount -= 8
      bytes.push((bits >> bitCount) & 0xff)
    }
  }
  return decodeGoText(Uint8Array.from(bytes))
}
