// Upper, lower and title case like in Go: one character for each. JavaScript's own conversions turn `ß` into
// `SS`, and depend on neighbouring characters.

const asciiOnly = /^[\0-\x7f]*$/

/** Converts a text to upper case. */
export function toUpper(text: string): string {
  return asciiOnly.test(text) ? text.toUpperCase() : mapCharacters(text, upperCharacter)
}

/** Converts a text to lower case. */
export function toLower(text: string): string {
  return asciiOnly.test(text) ? text.toLowerCase() : mapCharacters(text, lowerCharacter)
}

/** Converts the first letter of every word to title case. */
export function toTitle(text: string): string {
  let isWordStart = true
  return mapCharacters(text, char => {
    const mapped = isWordStart ? titleCharacter(char) : char
    isWordStart = isSeparator(char)
    return mapped
  })
}

/** Swaps upper and lower case. A lower-case letter at the start of a word becomes title case. */
export function swapCase(text: string): string {
  let isAfterSpace = true
  return mapCharacters(text, char => {
    if (/[\p{Lu}\p{Lt}]/u.test(char)) {
      isAfterSpace = false
      return lowerCharacter(char)
    }
    if (/\p{Ll}/u.test(char)) {
      const mapped = isAfterSpace ? titleCharacter(char) : upperCharacter(char)
      isAfterSpace = false
      return mapped
    }
    isAfterSpace = isSpace(char)
    return char
  })
}

/** Converts the first letter of every space-separated word to lower case. */
export function untitle(text: string): string {
  let isWordStart = true
  return mapCharacters(text, char => {
    if (isSpace(char)) {
      isWordStart = true
      return char
    }
    const mapped = isWordStart ? lowerCharacter(char) : char
    isWordStart = false
    return mapped
  })
}

function mapCharacters(text: string, map: (char: string) => string): string {
  let result = ''
  for (const char of text) result += map(char)
  return result
}

export function upperCharacter(char: string): string {
  const upper = char.toUpperCase()
  if (upper.length === char.length || [...upper].length === 1) return upper
  return singleUpper(char)
}

// Greek letters with iota subscript have one upper-case character. JavaScript returns two.
function singleUpper(char: string): string {
  const code = char.codePointAt(0)!
  const isRow = /[\u1f80-\u1f87\u1f90-\u1f97\u1fa0-\u1fa7]/.test(char)
  if (isRow) return String.fromCodePoint(code + 8)
  if (/[\u1fb3\u1fc3\u1ff3]/.test(char)) return String.fromCodePoint(code + 9)
  return char
}

export function lowerCharacter(char: string): string {
  if (char === '\u0130') return 'i'
  const lower = char.toLowerCase()
  return [...lower].length === 1 ? lower : char
}

// Digraphs with a separate title case.
const titles: ReadonlyMap<string, string> = new Map([
  ['Ǆ', 'ǅ'],
  ['ǅ', 'ǅ'],
  ['ǆ', 'ǅ'],
  ['Ǉ', 'ǈ'],
  ['ǈ', 'ǈ'],
  ['ǉ', 'ǈ'],
  ['Ǌ', 'ǋ'],
  ['ǋ', 'ǋ'],
  ['ǌ', 'ǋ'],
  ['Ǳ', 'ǲ'],
  ['ǲ', 'ǲ'],
  ['ǳ', 'ǲ'],
])

function titleCharacter(char: string): string {
  return titles.get(char) ?? upperCharacter(char)
}

function isSeparator(char: string): boolean {
  if (char.charCodeAt(0) < 0x80) return !/\w/.test(char)
  return !/[\p{L}\p{Nd}]/u.test(char) && isSpace(char)
}

/** Returns true if Go treats a character as white space. */
export function isSpace(char: string): boolean {
  return spacePattern.test(char)
}

export const spacePattern = /[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/
const leadingSpace = /^[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/

/** Trims white space at both ends. */
export function trimSpace(text: string): string {
  const start = leadingSpace.exec(text)?.[0].length ?? 0
  let end = text.length
  while (end > start && isSpace(text[end - 1]!)) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}
