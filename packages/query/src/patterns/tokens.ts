// Splits a line into the tokens of patterns: words, and single characters between them.

import { patternLineCharsMax, patternTokensMax } from '../limits.ts'

/** Replaces whatever differs between the lines of a pattern. Printed as `<_>`. */
export const anything = '<_>'

// Punctuation and `=` separate words, except characters used inside names, paths, times and addresses. A
// colon after a JSON key is a separator.
const separator = String.raw`[\s=]|(?<="):|(?![_\-.:/])\p{P}`
const tokenPattern = new RegExp(`${separator}|(?:(?!${separator})[\\s\\S])+`, 'gu')
const separatorPattern = new RegExp(`^(?:${separator})$`, 'u')
const digit = /\p{N}/u
const hexWord = /^[0-9a-fA-F]{8,}$/

/** Returns true if a token is a word. Others are single characters between words. */
export function isWord(token: string): boolean {
  return token.length > 1 || !separatorPattern.test(token)
}

/**
 * Splits a line into tokens. A word with a digit is a number, an id or a time, and matches anything. So does
 * the rest of a line that is too long.
 */
export function tokensOf(line: string): string[] {
  const isCut = line.length > patternLineCharsMax
  const text = isCut ? line.slice(0, patternLineCharsMax) : line
  const tokens: string[] = []
  tokenPattern.lastIndex = 0
  for (;;) {
    const match = tokenPattern.exec(text)
    if (!match) break
    if (tokens.length === patternTokensMax) {
      tokens.push(anything)
      return tokens
    }
    const [token] = match
    tokens.push(digit.test(token) || hexWord.test(token) ? anything : token)
  }
  if (isCut) tokens.push(anything)
  return tokens
}

/** Writes tokens as text for `|>`. Numbers joined by commas become one. */
export function formatPattern(tokens: readonly string[]): string {
  let text = ''
  for (let i = 0; i < tokens.length; i++) {
    text += tokens[i]
    if (tokens[i] !== anything) continue
    for (;;) {
      if (tokens[i + 1] === anything) i++
      else if (tokens[i + 1] === ',' && tokens[i + 2] === anything) i += 2
      else break
    }
  }
  return text
}
