// Text as bytes, like in Go. A text is a JavaScript string. A byte that is not valid UTF-8, for example
// after a cut inside a character, is kept as a lone surrogate U+DC80 to U+DCFF. When printed it becomes
// U+FFFD.

const asciiOnly = /^[\0-\x7f]*$/
const looseBytes = /[\udc80-\udcff]/
// In well-formed text every low surrogate follows a high one.
const loneSurrogate = /(?<![\ud800-\udbff])[\udc00-\udfff]|[\ud800-\udbff](?![\udc00-\udfff])/g

/** Counts the UTF-8 bytes of a text. */
export function byteLength(text: string): number {
  if (text.isWellFormed()) return Buffer.byteLength(text, 'utf8')
  return encodeGoText(text).length
}

/** Returns the bytes of a text. */
export function encodeGoText(text: string): Buffer {
  if (text.isWellFormed() || !looseBytes.test(text)) return Buffer.from(text, 'utf8')
  const parts: Buffer[] = []
  let copied = 0
  for (const match of text.matchAll(loneSurrogate)) {
    const code = match[0].charCodeAt(0)
    if (code < 0xdc80 || code > 0xdcff) continue
    parts.push(Buffer.from(text.slice(copied, match.index), 'utf8'), Buffer.from([code - 0xdc00]))
    copied = match.index + 1
  }
  parts.push(Buffer.from(text.slice(copied), 'utf8'))
  return Buffer.concat(parts)
}

/** Converts bytes to a text. Bytes that are not UTF-8 are kept as described above. */
export function decodeGoText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const text = buffer.toString('utf8')
  if (!text.includes('\ufffd')) return text
  let result = ''
  for (let at = 0; at < buffer.length; ) {
    const size = runeSize(buffer, at)
    result +=
      size > 0 ? buffer.toString('utf8', at, at + size) : String.fromCharCode(0xdc00 + buffer[at]!)
    at += Math.max(size, 1)
  }
  return result
}

/** Returns the length of the UTF-8 sequence at an offset, or 0 if there is none. */
function runeSize(bytes: Buffer, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  if (first < 0xc2 || first > 0xf4 || at + size > bytes.length) return 0
  for (let i = 1; i < size; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0
  const second = bytes[at + 1]!
  // Overlong forms, surrogates and anything beyond U+10FFFF are not UTF-8.
  if (first === 0xe0 && second < 0xa0) return 0
  if (first === 0xed && second >= 0xa0) return 0
  if (first === 0xf0 && second < 0x90) return 0
  if (first === 0xf4 && second >= 0x90) return 0
  return size
}

/** Cuts a text at byte offsets within it, like Go's `text[start:end]`. */
export function sliceBytes(text: string, start: number, end: number): string {
  if (asciiOnly.test(text)) return text.slice(start, end)
  return decodeGoText(encodeGoText(text).subarray(start, end))
}

/** Replaces each byte that is not text by U+FFFD. */
export function toPrintable(text: string): string {
  return text.isWellFormed() ? text : text.replace(loneSurrogate, '\ufffd')
}
