// The expressions of `json x="a.b[0]"` and `logfmt x="key"`.

const fieldStart = /^[a-zA-Z_]/
const field = /[a-zA-Z_][a-zA-Z0-9_]*/y

/**
 * Parses a path into a JSON value: names, and indexes of arrays.
 *
 * @throws SyntaxError with Loki's text.
 */
export function parseJsonPath(text: string): (string | number)[] {
  const fail = (why: string): never => {
    throw new SyntaxError(`cannot parse expression [${text}]: ${why}`)
  }
  const path: (string | number)[] = []
  let at = 0
  const skipSpaces = () => {
    while (/\s/.test(text[at] ?? '')) at++
  }
  const unexpected = (expecting: string): never => {
    const suffix = expecting === '' ? '' : `, expecting ${expecting}`
    const char = text[at]
    if (char === undefined) return fail(`syntax error: unexpected $end${suffix}`)
    const names: Readonly<Record<string, string>> = { '[': 'LSB', ']': 'RSB', '.': 'DOT' }
    const name = names[char] ?? (char === '"' ? 'STRING' : /\d/.test(char) ? 'INDEX' : undefined)
    if (name) return fail(`syntax error: unexpected ${name}${suffix}`)
    if (fieldStart.test(char)) return fail(`syntax error: unexpected FIELD${suffix}`)
    return fail(`unexpected char ${char}`)
  }
  const readField = () => {
    field.lastIndex = at
    const name = field.exec(text)?.[0] ?? unexpected(path.length === 0 ? 'LSB or FIELD' : 'FIELD')
    at += name.length
    path.push(name)
  }
  const readKey = () => {
    at++
    skipSpaces()
    const key = /"((?:[^"\\]|\\.)*)"|(\d+)/y
    key.lastIndex = at
    const match = key.exec(text)
    if (!match) return unexpected('STRING or INDEX')
    at = key.lastIndex
    path.push(match[2] === undefined ? match[1]!.replace(/\\(.)/g, '$1') : Number(match[2]))
    skipSpaces()
    if (text[at] !== ']') unexpected('RSB')
    at++
  }

  skipSpaces()
  if (text[at] === '[') readKey()
  else readField()
  for (;;) {
    skipSpaces()
    if (at >= text.length) return path
    if (text[at] === '[') readKey()
    else if (text[at] === '.') {
      at++
      skipSpaces()
      readField()
    } else unexpected('')
  }
}

/**
 * Parses the key of a logfmt expression, quoted or not. A key and a text behind it name nothing, as in Loki.
 *
 * @throws SyntaxError with Loki's text.
 */
export function parseLogfmtKey(text: string): string {
  const fail = (why: string): never => {
    throw new SyntaxError(`cannot parse expression [${text}]: ${why}`)
  }
  const quoted = /[ \t\n]*"([^"\]]*)["\]]?[ \t\n]*/y
  const plain = /[ \t\n]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t\n]*/y
  const token = plain.test(text) ? plain : quoted
  token.lastIndex = 0
  const match = token.exec(text)
  if (!match) return fail('syntax error: unexpected $end, expecting STRING or KEY')
  const rest = text.slice(token.lastIndex)
  if (rest === '') return match[1]!
  if (rest.startsWith('"') && token === plain) return text
  if (rest.startsWith('"')) return fail('syntax error: unexpected STRING')
  return fail(fieldStart.test(rest) ? 'syntax error: unexpected KEY' : `unexpected char ${rest[0]}`)
}
