// The line format of CRI runtimes: `<time> <stdout|stderr> <tags> <content>`, read from bytes.

import { decodeGoText } from '@skald/go-dialect/text/go-bytes'
import { readRfc3339 } from './rfc3339-bytes.ts'
import { RuntimeLine } from './runtime-line.ts'

const space = 0x20
const colon = 0x3a
const partialTag = 0x50
const stdoutText = Buffer.from(' stdout ')
const stderrText = Buffer.from(' stderr ')

/** Reads CRI lines. */
export class CriLine extends RuntimeLine {
  #start = 0
  #timeEnd = 0
  #flagsStart = 0

  get timeText(): string {
    return decodeGoText(this.content.subarray(this.#start, this.#timeEnd))
  }

  get flagsText(): string {
    return decodeGoText(this.content.subarray(this.#flagsStart, this.contentStart - 1))
  }

  read(bytes: Buffer, start: number, end: number): boolean {
    let at = start
    while (at < end && !isSpace(bytes[at]!)) at++
    if (at === start || at + 8 > end || bytes[at] !== space) return false
    if (matchesAt(bytes, at, stdoutText)) this.stream = 'stdout'
    else if (matchesAt(bytes, at, stderrText)) this.stream = 'stderr'
    else return false
    const flags = at + 8
    let flagsEnd = flags
    while (flagsEnd < end && !isSpace(bytes[flagsEnd]!)) flagsEnd++
    if (flagsEnd === flags || flagsEnd >= end || bytes[flagsEnd] !== space) return false
    // Tags are separated by colons. The first one shows whether the line continues.
    this.isPartial =
      bytes[flags] === partialTag && (flagsEnd === flags + 1 || bytes[flags + 1] === colon)
    this.content = bytes
    this.#start = start
    this.#timeEnd = at
    this.#flagsStart = flags
    this.contentStart = flagsEnd + 1
    this.contentEnd = end
    this.hasTime = readRfc3339(bytes, start, at, this)
    return true
  }
}

function isSpace(byte: number): boolean {
  return byte === space || (byte >= 0x09 && byte <= 0x0d && byte !== 0x0b)
}

function matchesAt(bytes: Buffer, at: number, text: Buffer): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false
  return true
}
