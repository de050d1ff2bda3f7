// Reads logfmt: `key=value key="quoted value" key`. Skips invalid parts up to the next space, and keeps the
// error for callers that need it.

import { ShortTexts } from './short-texts.ts'

const space = 0x20
const equals = 0x3d
const quote = 0x22
const backslash = 0x5c

/** Reads pair after pair of a line, over bytes. */
export class LogfmtReader {
  /** Place of the current key in the bytes. */
  keyStart = 0
  keyEnd = 0
  /** Place of the current value, without quotes. Empty if there is none. */
  valueStart = 0
  valueEnd = 0
  error: string | undefined
  readonly #texts = new ShortTexts()
  #bytes: Buffer = Buffer.alloc(0)
  #start = 0
  #at = 0
  #end = 0
  #unquoted: string | undefined

  start(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes
    this.#start = start
    this.#at = start
    this.#end = end
    this.error = undefined
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end
  }

  get hasValue(): boolean {
    return this.valueEnd > this.valueStart
  }

  /** Returns the text of the value, with escapes resolved. */
  value(): string {
    return this.#unquoted ?? this.#texts.text(this.#bytes, this.valueStart, this.valueEnd)
  }

  /** Reads the next pair. Returns false at the end or if the pair is invalid. */
  next(): boolean {
    const bytes = this.#bytes
    const end = this.#end
    this.#unquoted = undefined
    let at = this.#at
    while (at < end && bytes[at]! <= space) at++
    const start = at
    let isAscii = true
    for (; at < end; at++) {
      const code = bytes[at]!
      if (code <= space || code === equals || code === quote) break
      if (code >= 0x80) isAscii = false
    }
    this.#at = at
    this.keyStart = start
    this.keyEnd = at
    this.valueStart = at
    this.valueEnd = at
    if (at >= end) {
      if (at === start) return false
      return isAscii || this.#checkKey()
    }
    const code = bytes[at]!
    if (code === quote || (code === equals && at === start)) return this.#unexpected()
    if (!isAscii && !this.#checkKey()) return false
    return code === equals ? this.#readValue(at + 1) : true
  }

  #checkKey(): boolean {
    const key = this.#bytes.toString('utf8', this.keyStart, this.keyEnd)
    return key.includes('\ufffd') ? this.#fail('invalid key') : true
  }

  #readValue(start: number): boolean {
    const bytes = this.#bytes
    const end = this.#end
    this.#at = start
    if (start < end && bytes[start] === quote) return this.#readQuoted(start)
    let at = start
    for (; at < end; at++) {
      const code = bytes[at]!
      if (code <= space) break
      if (code === equals || code === quote) {
        this.#at = at
        return this.#unexpected()
      }
    }
    this.#at = at
    this.valueStart = start
    this.valueEnd = at
    return true
  }

  #readQuoted(start: number): boolean {
    const bytes = this.#bytes
    const end = this.#end
    let hasEscape = false
    let at = start + 1
    for (; at < end && bytes[at] !== quote; at++) {
      if (bytes[at] !== backslash) continue
      hasEscape = true
      at++
    }
    if (at >= end) {
      this.#at = end
      return this.#fail('unterminated quoted value')
    }
    this.#at = at + 1
    this.valueStart = start + 1
    this.valueEnd = at
    if (!hasEscape) return true
    this.#unquoted = unquote(bytes.toString('utf8', start + 1, at))
    return this.#unquoted === undefined ? this.#fail('invalid quoted value') : true
  }

  #unexpected(): boolean {
    this.#fail(`unexpected '${String.fromCharCode(this.#bytes[this.#at]!)}'`)
    while (this.#at < this.#end && this.#bytes[this.#at]! > space) this.#at++
    return false
  }

  #fail(reason: string): boolean {
    this.error = `logfmt syntax error at pos ${this.#at - this.#start + 1} : ${reason}`
    return false
  }
}

// Unquotes like a JSON string. Returns `undefined` on an invalid escape.
function unquote(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(`"${text}"`)
    return (value as string).toWellFormed()
  } catch {
    // The caller decides whether a bad value matters.
    return undefined
  }
}
