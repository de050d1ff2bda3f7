// Reads logfmt: `key=value key="quoted value" key`. What does not fit is passed over up to the next
// space, with the error kept for those who want to know.

/** Goes from pair to pair of one line after the other. */
export class LogfmtReader {
  key = ''
  value = ''
  error: string | undefined
  #text = ''
  #at = 0

  start(text: string): void {
    this.#text = text
    this.#at = 0
    this.error = undefined
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  /** Reads the next pair; false where there is none or it is damaged. */
  next(): boolean {
    const text = this.#text
    this.key = ''
    this.value = ''
    let at = this.#at
    while (at < text.length && text.charCodeAt(at) <= 0x20) at++
    const start = at
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code <= 0x20 || code === 0x3d || code === 0x22) break
    }
    this.#at = at
    if (at === start && at >= text.length) return false
    const code = text.charCodeAt(at)
    if (code === 0x22 || (code === 0x3d && at === start)) return this.#unexpected(at)
    this.key = text.slice(start, at)
    if (this.key.includes('\ufffd')) return this.#fail('invalid key')
    return code === 0x3d ? this.#readValue(at + 1) : true
  }

  #readValue(start: number): boolean {
    const text = this.#text
    this.#at = start
    if (text.charCodeAt(start) === 0x22) return this.#readQuoted(start)
    let at = start
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code <= 0x20) break
      if (code === 0x3d || code === 0x22) return this.#unexpected(at)
    }
    this.#at = at
    this.value = text.slice(start, at)
    return true
  }

  #readQuoted(start: number): boolean {
    const text = this.#text
    let end = text.indexOf('"', start + 1)
    let hasEscape = false
    const firstSlash = text.indexOf('\\', start + 1)
    if (firstSlash >= 0 && (end < 0 || firstSlash < end)) {
      hasEscape = true
      for (end = firstSlash; end < text.length && text.charCodeAt(end) !== 0x22; end++) {
        if (text.charCodeAt(end) === 0x5c) end++
      }
    }
    if (end < 0 || end >= text.length) {
      this.#at = text.length
      return this.#fail('unterminated quoted value')
    }
    this.#at = end + 1
    const inside = text.slice(start + 1, end)
    if (!hasEscape) {
      this.value = inside
      return true
    }
    const value = unquote(inside)
    if (value === undefined) return this.#fail('invalid quoted value')
    this.value = value
    return true
  }

  #unexpected(at: number): boolean {
    this.#at = at
    this.#fail(`unexpected '${this.#text[at]}'`)
    while (this.#at < this.#text.length && this.#text.charCodeAt(this.#at) > 0x20) this.#at++
    return false
  }

  #fail(reason: string): boolean {
    this.error = `logfmt syntax error at pos ${this.#at + 1} : ${reason}`
    return false
  }
}

// As JSON strings are unquoted; `undefined` where an escape is none.
function unquote(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(`"${text}"`)
    return (value as string).toWellFormed()
  } catch {
    // Damaged values are told to the caller, who decides whether that matters.
    return undefined
  }
}
