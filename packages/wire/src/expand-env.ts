// `-config.expand-env`: fills ${...} in the text of a configuration, before it is read as YAML. The
// forms are those of drone/envsubst, which Promtail uses: only the braced form is touched.

/**
 * Replaces every `${...}` by its value; `$$` and `\\` stand for one sign. `onLookup` is told of what stands in
 * braces, and where it begins.
 */
export function expandEnvironment(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  onLookup?: (body: string, at: number) => void,
): string {
  let result = ''
  for (let at = 0; at < text.length; ) {
    const pair = text.slice(at, at + 2)
    if (pair === '$$' || pair === '\\\\') {
      result += pair[0]
      at += 2
    } else if (pair === '${') {
      const end = closingBrace(text, at + 2)
      if (end < 0) return result + text.slice(at)
      const body = text.slice(at + 2, end)
      onLookup?.(body, at)
      result += expandBody(body, env)
      at = end + 1
    } else result += text[at++]
  }
  return result
}

function closingBrace(text: string, from: number): number {
  let depth = 1
  for (let at = from; at < text.length; at++) {
    if (text.startsWith('${', at)) depth++
    else if (text[at] === '}' && --depth === 0) return at
  }
  return -1
}

function expandBody(body: string, env: Readonly<Record<string, string | undefined>>): string {
  if (body.startsWith('#')) return String((env[body.slice(1)] ?? '').length)
  const match = /^([^:=\-+#%/^,]*)([\s\S]*)$/.exec(body)!
  const value = env[match[1]!.trim()] ?? ''
  const operation = match[2]!
  const argument = (text: string) => expandEnvironment(text, env)
  const fallback = /^(?::-|:=|-|=)([\s\S]*)$/.exec(operation)
  if (fallback) return value === '' ? argument(fallback[1]!) : value
  switch (operation[0]) {
    case ':':
      return substring(value, operation.slice(1))
    case '^':
      return operation === '^^' ? value.toUpperCase() : mapFirst(value, c => c.toUpperCase())
    case ',':
      return operation === ',,' ? value.toLowerCase() : mapFirst(value, c => c.toLowerCase())
    case '#':
      return trimStart(value, argument(operation.replace(/^##?/, '')), operation.startsWith('##'))
    case '%':
      return trimEnd(value, argument(operation.replace(/^%%?/, '')), operation.startsWith('%%'))
    case '/':
      return replaceText(value, operation, argument)
    default:
      return value
  }
}

function mapFirst(text: string, map: (first: string) => string): string {
  return map(text.slice(0, 1)) + text.slice(1)
}

function substring(value: string, range: string): string {
  const [offset = '0', length] = range.split(':')
  const from = Number.parseInt(offset, 10) || 0
  if (length === undefined) return value.slice(from)
  return value.slice(from, from + (Number.parseInt(length, 10) || 0))
}

function trimStart(value: string, pattern: string, isLongest: boolean): string {
  const lengths = Array.from({ length: value.length + 1 }, (_, i) => i)
  const order = isLongest ? lengths.toReversed() : lengths
  const matches = globMatcher(pattern)
  const length = order.find(n => matches(value.slice(0, n)))
  return length === undefined ? value : value.slice(length)
}

function trimEnd(value: string, pattern: string, isLongest: boolean): string {
  const starts = Array.from({ length: value.length + 1 }, (_, i) => i)
  const order = isLongest ? starts : starts.toReversed()
  const matches = globMatcher(pattern)
  const start = order.find(n => matches(value.slice(n)))
  return start === undefined ? value : value.slice(0, start)
}

/** Shell patterns without classes: `*` and `?`. */
function globMatcher(pattern: string): (text: string) => boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '[\\s\\S]*')
    .replaceAll('?', '[\\s\\S]')
  const regex = new RegExp(`^${source}$`)
  return text => regex.test(text)
}

function replaceText(value: string, operation: string, argument: (text: string) => string): string {
  const kind = operation.slice(1, 2)
  const hasKind = kind === '/' || kind === '#' || kind === '%'
  const body = operation.slice(hasKind ? 2 : 1)
  const slash = body.indexOf('/')
  const from = argument(slash < 0 ? body : body.slice(0, slash))
  const to = slash < 0 ? '' : argument(body.slice(slash + 1))
  if (from === '') return value
  if (kind === '/') return value.replaceAll(from, () => to)
  if (kind === '#') return value.startsWith(from) ? to + value.slice(from.length) : value
  if (kind === '%') {
    return value.endsWith(from) ? value.slice(0, value.length - from.length) + to : value
  }
  return value.replace(from, () => to)
}
