// A line as the tokens that patterns are made of: words, and the characters between them one by one.

/** Stands for whatever differs between the lines of a pattern; printed as `<_>`. */
export const anything = '<_>'

/** What a line has beyond this is not looked at, as in Loki: a pattern's end is found long before. */
export const lineCharsMax = 3000
/** Lines of more tokens are cut there. */
const tokensMax = 256

// Punctuation and `=` part words, but for what stands inside names, paths, times and addresses; the
// colon behind a JSON key does.
const separator = String.raw`[\s=]|(?<="):|(?![_\-.:/])\p{P}`
const tokenPattern = new RegExp(`${separator}|(?:(?!${separator})[\\s\\S])+`, 'gu')
const separatorPattern = new RegExp(`^(?:${separator})$`, 'u')
const digit = /\p{N}/u
const hexWord = /^[0-9a-fA-F]{8,}$/

/** Tells whether a token is a word; others are single characters between words. */
export function isWord(token: string): boolean {
  return token.length > 1 || !separatorPattern.test(token)
}

/**
 * Cuts a line into tokens. A word with a digit is a number, an id or a time, and stands for anything;
 * so does what is left of a line that is too long.
 */
export function tokensOf(line: string): string[] {
  const isCut = line.length > lineCharsMax
  const text = isCut ? line.slice(0, lineCharsMax) : line
  const tokens: string[] = []
  tokenPattern.lastIndex = 0
  for (;;) {
    const match = tokenPattern.exec(text)
    if (!match) break
    if (tokens.length === tokensMax) {
      tokens.push(anything)
      return tokens
    }
    const [token] = match
    tokens.push(digit.test(token) || hexWord.test(token) ? anything : token)
  }
  if (isCut) tokens.push(anything)
  return tokens
}

/** Writes tokens as the text that `|>` takes: numbers with commas between them become one. */
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
