// The line format of Docker's json-file driver, read from bytes in its usual form:
//
//   {"log":"text\n","stream":"stdout","time":"2024-05-01T10:00:00.123456789Z"}
//
// Other forms (other keys, other order) are left to a JSON parser.

import { jsonEscapes } from '@skald/wire'
import { readRfc3339, type SplitTime } from './rfc3339-bytes.ts'
import type { RuntimeStream } from './runtime-line.ts'

const head = Buffer.from('{"log":"')
const stdoutTail = Buffer.from('","stream":"stdout","time":"')
const stderrTail = Buffer.from('","stream":"stderr","time":"')
// The time with its quote and brace has 22 to 37 bytes; the keys before it have 28.
const timeBytesMin = 22
const timeBytesMax = 40
const quote = 0x22
const backslash = 0x5c
const escapeBytes: Readonly<Record<number, number>> = Object.fromEntries(
  Object.entries(jsonEscapes).map(([letter, char]) => [letter.charCodeAt(0), char.charCodeAt(0)]),
)

/** The content of a Docker line. The object is reused for each line. */
export class DockerLine implements SplitTime {
  seconds = 0
  nanos = 0
  stream: RuntimeStream = 'stdout'
  /** Buffer that holds the text of `log`: the line's own, or one of this object. */
  content: Buffer = Buffer.alloc(0)
  contentStart = 0
  contentEnd = 0
  #scratch = Buffer.allocUnsafeSlow(32 * 1024)

  /** Reads `bytes[start .. end)`. Returns false if it does not have the usual form. */
  read(bytes: Buffer, start: number, end: number): boolean {
    if (end - start < head.length + stdoutTail.length + timeBytesMin) return false
    if (!matchesAt(bytes, start, head)) return false
    if (bytes[end - 1] !== 0x7d || bytes[end - 2] !== quote) return false
    let timeStart = end - 3
    const timeStartMin = end - timeBytesMax
    while (timeStart > timeStartMin && bytes[timeStart - 1] !== quote) timeStart--
    const tailStart = timeStart - stdoutTail.length
    const logStart = start + head.length
    if (tailStart < logStart) return false
    if (matchesAt(bytes, tailStart, stdoutTail)) this.stream = 'stdout'
    else if (matchesAt(bytes, tailStart, stderrTail)) this.stream = 'stderr'
    else return false
    if (!readRfc3339(bytes, timeStart, end - 2, this)) return false
    return this.#unescape(bytes, logStart, tailStart)
  }

  #unescape(bytes: Buffer, start: number, end: number): boolean {
    if (this.#scratch.length < end - start)
      this.#scratch = Buffer.allocUnsafeSlow(2 * (end - start))
    const out = this.#scratch
    let to = 0
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!
      if (byte === quote || byte < 0x20) return false
      // Bytes that are not ASCII may be invalid UTF-8, which a JSON parser replaces. Docker itself never
      // writes those.
      if (byte !== backslash) {
        out[to++] = byte
        continue
      }
      at++
      if (at >= end) return false
      const simple = escapeBytes[bytes[at]!]
      if (simple !== undefined) {
        out[to++] = simple
        continue
      }
      if (bytes[at] !== 0x75) return false
      const code = hexCode(bytes, at + 1, end)
      if (code < 0) return false
      at += 4
      if (code >= 0xd800 && code < 0xe000) {
        const low = hexCode(bytes, at + 3, end)
        const isPair =
          code < 0xdc00 && bytes[at + 1] === backslash && bytes[at + 2] === 0x75 && low >= 0xdc00
        if (!isPair || low >= 0xe000) return false
        to = writeUtf8(out, to, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00))
        at += 6
      } else to = writeUtf8(out, to, code)
    }
    this.content = out
    this.contentStart = 0
    this.contentEnd = to
    return true
  }
}

function hexCode(bytes: Buffer, at: number, end: number): number {
  if (at + 4 > end) return -1
  let code = 0
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i]!
    const digit =
      byte >= 0x30 && byte <= 0x39
        ? byte - 0x30
        : (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66
          ? (byte | 0x20) - 0x57
          : -1
    if (digit < 0) return -1
    code = code * 16 + digit
  }
  return code
}

function writeUtf8(out: Buffer, at: number, code: number): number {
  let to = at
  if (code < 0x80) out[to++] = code
  else if (code < 0x800) {
    out[to++] = 0xc0 | (code >> 6)
    out[to++] = 0x80 | (code & 63)
  } else if (code < 0x10000) {
    out[to++] = 0xe0 | (code >> 12)
    out[to++] = 0x80 | ((code >> 6) & 63)
    out[to++] = 0x80 | (code & 63)
  } else {
    out[to++] = 0xf0 | (code >> 18)
    out[to++] = 0x80 | ((code >> 12) & 63)
    out[to++] = 0x80 | ((code >> 6) & 63)
    out[to++] = 0x80 | (code & 63)
  }
  return to
}

function matchesAt(bytes: Buffer, at: number, text: Buffer): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false
  return true
}
