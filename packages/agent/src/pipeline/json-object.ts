// JSON objects as Promtail's decoder accepts them, which is not quite standard JSON: after an escape a
// string may hold control characters, a key may be null, everything after a zero byte is ignored, and a
// number too large for a float makes the whole object invalid. Bytes that are not UTF-8 are lone surrogates
// U+DC80 to U+DCFF (see `decodeGoText`) and stay that way.

import { jsonEscapes } from '@skald/wire'
import { jsonNestingMax } from '../limits.ts'

// Where `JSON.parse` may behave differently: escaped surrogates, and numbers that may be too large.
const mayDiffer = /\\u[dD][89a-fA-F]|[eE]\+?\d\d\d|\d{309}/
const replacement = '\ufffd'
const blanks = /[ \t\r\n]*/y
const numberText = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
// Up to the end of a string or an escape.
const plainText = /[^"\\]*/y
const control = /[^ -\uffff]/

/** Parses a JSON object. null counts as one without keys. Returns `undefined` for anything else. */
export function parseJsonObject(text: string): Record<string, unknown> | undefined {
  if (!mayDiffer.test(text)) {
    try {
      const value: unknown = JSON.parse(text)
      if (value === null) return {}
      const isObject = typeof value === 'object' && !Array.isArray(value)
      return isObject ? (value as Record<string, unknown>) : undefined
    } catch {
      // Promtail may still accept it.
    }
  }
  try {
    return new Reader(text).readWhole()
  } catch (error) {
    if (error instanceof Malformed || error instanceof RangeError) return undefined
    throw error
  }
}

/** Thrown where a text is not JSON. */
class Malformed extends Error {}

class Reader {
  readonly #text: string
  #at = 0
  #nesting = 0

  constructor(text: string) {
    this.#text = text
  }

  readWhole(): Record<string, unknown> {
    const first = this.#next()
    if (first !== '{' && first !== 'n') throw new Malformed()
    const value = (this.#readValue() ?? {}) as Record<string, unknown>
    const after = this.#next()
    if (after !== '' && after !== '\0') throw new Malformed()
    return value
  }

  /** Returns the next non-blank character without consuming it; empty at the end. */
  #next(): string {
    this.#match(blanks)
    return this.#text[this.#at] ?? ''
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found === undefined) throw new Malformed()
    this.#at += found.length
    return found
  }

  #take(wanted: string): void {
    if (!this.#text.startsWith(wanted, this.#at)) throw new Malformed()
    this.#at += wanted.length
  }

  #readValue(): unknown {
    switch (this.#next()) {
      case '{':
        return this.#readObject()
      case '[':
        return this.#readList()
      case '"':
        return this.#readText()
      case 't':
        this.#take('true')
        return true
      case 'f':
        this.#take('false')
        return false
      case 'n':
        this.#take('null')
        return null
      default:
        return this.#readNumber()
    }
  }

  #readNumber(): number {
    const value = Number(this.#match(numberText))
    if (!Number.isFinite(value)) throw new Malformed()
    return value
  }

  #enter(): void {
    this.#at++
    if (++this.#nesting > jsonNestingMax) throw new Malformed()
  }

  #leave(): void {
    this.#at++
    this.#nesting--
  }

  #readObject(): Record<string, unknown> {
    const object: Record<string, unknown> = {}
    // A nested object's first key cannot be null.
    const isOutermost = this.#nesting === 0
    this.#enter()
    let mayBeNull = isOutermost
    if (this.#next() !== '}') {
      for (;;) {
        const key = this.#readKey(mayBeNull)
        if (this.#next() !== ':') throw new Malformed()
        this.#at++
        const value = this.#readValue()
        // Assigning to `__proto__` would set the prototype.
        Object.defineProperty(object, key, {
          ...{ value, enumerable: true, writable: true, configurable: true },
        })
        if (this.#next() !== ',') break
        this.#at++
        mayBeNull = true
      }
      if (this.#next() !== '}') throw new Malformed()
    }
    this.#leave()
    return object
  }

  #readKey(mayBeNull: boolean): string {
    const first = this.#next()
    if (first === 'n' && mayBeNull) {
      this.#take('null')
      return ''
    }
    if (first !== '"') throw new Malformed()
    return this.#readText()
  }

  #readList(): unknown[] {
    const list: unknown[] = []
    this.#enter()
    if (this.#next() !== ']') {
      for (;;) {
        list.push(this.#readValue())
        if (this.#next() !== ',') break
        this.#at++
      }
      if (this.#next() !== ']') throw new Malformed()
    }
    this.#leave()
    return list
  }

  #readText(): string {
    this.#at++
    const first = this.#match(plainText)
    if (control.test(first)) throw new Malformed()
    const parts = [first]
    while (this.#text[this.#at] === '\\') {
      this.#at++
      parts.push(this.#readEscape(), this.#match(plainText))
    }
    this.#take('"')
    return parts.join('')
  }

  #readEscape(): string {
    const char = this.#text[this.#at++] ?? ''
    if (char !== 'u') {
      const simple = jsonEscapes[char]
      if (simple === undefined) throw new Malformed()
      return simple
    }
    const code = this.#readCode()
    if (!isSurrogate(code)) return String.fromCharCode(code)
    if (!this.#text.startsWith('\\u', this.#at)) return replacement
    this.#at += 2
    const second = this.#readCode()
    const isPair = code < 0xdc00 && second >= 0xdc00 && isSurrogate(second)
    if (isPair) return String.fromCharCode(code, second)
    // Promtail replaces both halves, so a pair after a lone surrogate is lost.
    return replacement + (isSurrogate(second) ? replacement : String.fromCharCode(second))
  }

  #readCode(): number {
    const digits = this.#text.slice(this.#at, this.#at + 4)
    if (!/^[\da-fA-F]{4}$/.test(digits)) throw new Malformed()
    this.#at += 4
    return Number.parseInt(digits, 16)
  }
}

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff
}
