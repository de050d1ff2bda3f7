// Go string literals as in label texts and LogQL: quotes like strconv.Quote, and reads interpreted
// ("...") and raw (`...`) literals.

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
}
const escapeNames = new Map(
  Object.entries(simpleEscapes).map(([letter, char]) => [char, `\\${letter}`]),
)
// The characters that Go's strconv.IsPrint rejects, as Unicode properties: controls, formats,
// surrogates, private use, unassigned, and every space except U+0020.
const needsEscape = /["\\]|[\p{C}\p{Z}]/u
const escapedChars = /["\\]|(?! )[\p{C}\p{Z}]/gu

/** Quotes a text as an interpreted Go string literal, with the quotes (`strconv.Quote`). */
export function quoteGoString(text: string): string {
  if (!needsEscape.test(text)) return `"${text}"`
  return `"${text.replace(escapedChars, escapeChar)}"`
}

/**
 * Quotes a text like the errors of Go's time package: byte by byte, with `\xNN` for every byte that
 * is not printable ASCII.
 */
export function quoteGoBytes(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`
  let quoted = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    const char = String.fromCharCode(byte)
    if (char === '"' || char === '\\') quoted += `\\${char}`
    else if (byte >= 0x20 && byte < 0x80) quoted += char
    else quoted += `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return `"${quoted}"`
}

function escapeChar(char: string): string {
  const simple = escapeNames.get(char)
  if (simple !== undefined) return simple
  const code = char.codePointAt(0)!
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`
  return `\\U${code.toString(16).padStart(8, '0')}`
}

/**
 * Returns the UTF-8 bytes of a complete Go string literal with quotes. `\xNN` and octal escapes
 * give single bytes, so the result may not be valid UTF-8.
 * @throws SyntaxError when the text is not exactly one literal.
 */
export function unquoteGoBytes(literal: string): Buffer {
  const quote = literal[0]
  if (literal.length < 2 || literal.at(-1) !== quote) throw new SyntaxError('invalid syntax')
  const body = literal.slice(1, -1)
  if (quote === '`') {
    if (body.includes('`')) throw new SyntaxError('invalid syntax')
    return Buffer.from(body.replaceAll('\r', ''), 'utf8')
  }
  if (quote !== '"' || body.includes('\n')) throw new SyntaxError('invalid syntax')
  if (!body.includes('\\')) {
    if (body.includes('"')) throw new SyntaxError('invalid syntax')
    return Buffer.from(body, 'utf8')
  }
  const parts: Buffer[] = []
  const pattern =
    /\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/y
  for (let at = 0; at < body.length; ) {
    const next = body.indexOf('\\', at)
    const plain = body.slice(at, next < 0 ? body.length : next)
    if (plain.includes('"')) throw new SyntaxError('invalid syntax')
    parts.push(Buffer.from(plain, 'utf8'))
    if (next < 0) break
    pattern.lastIndex = next
    const match = pattern.exec(body)
    if (!match) throw new SyntaxError('invalid syntax')
    parts.push(escapeBytes(match))
    at = pattern.lastIndex
  }
  return Buffer.concat(parts)
}

function escapeBytes(match: RegExpExecArray): Buffer {
  const [, simple, hex, short, long, octal] = match
  if (simple !== undefined) return Buffer.from(simpleEscapes[simple]!, 'latin1')
  if (hex !== undefined) return Buffer.from([Number.parseInt(hex, 16)])
  if (octal !== undefined) {
    const value = Number.parseInt(octal, 8)
    if (value > 255) throw new SyntaxError('invalid syntax')
    return Buffer.from([value])
  }
  const code = Number.parseInt((short ?? long)!, 16)
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) throw new SyntaxError('invalid syntax')
  return Buffer.from(String.fromCodePoint(code), 'utf8')
}

/** Returns the text of a complete Go string literal. Invalid UTF-8 becomes U+FFFD. */
export function unquoteGoString(literal: string): string {
  return unquoteGoBytes(literal).toString('utf8')
}
