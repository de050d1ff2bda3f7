// The little language of `| pattern "..."`, `|> "..."` and `!> "..."`: text with captures `<name>` and
// `<_>`; anything else in angle brackets is text.

/** A piece of a pattern: text, or a capture (`_` captures nothing). */
export type PatternPart =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'capture'; readonly name: string }

const capture = /<([a-zA-Z_][a-zA-Z0-9_]*)>/g

/** Cuts a pattern into its parts. */
export function parsePatternExpression(pattern: string): PatternPart[] {
  const parts: PatternPart[] = []
  let at = 0
  for (const match of pattern.matchAll(capture)) {
    if (match.index > at) parts.push({ kind: 'literal', text: pattern.slice(at, match.index) })
    parts.push({ kind: 'capture', name: match[1]! })
    at = match.index + match[0].length
  }
  if (at < pattern.length) parts.push({ kind: 'literal', text: pattern.slice(at) })
  return parts
}

/**
 * Parses the pattern of the `pattern` stage.
 *
 * @throws SyntaxError with Loki's text.
 */
export function parsePatternCaptures(pattern: string): PatternPart[] {
  if (pattern === '') {
    throw new SyntaxError(
      'parse error at line 1, col 1: syntax error: unexpected $end, expecting IDENTIFIER or LITERAL',
    )
  }
  const parts = parsePatternExpression(pattern)
  const names = namesOf(parts)
  if (names.length === 0) throw new SyntaxError('at least one capture is required')
  refuseConsecutive(parts)
  const repeated = names.find((name, i) => names.indexOf(name) < i)
  if (repeated !== undefined) {
    throw new SyntaxError(`duplicate capture name (${repeated}): invalid expression`)
  }
  return parts
}

/**
 * Parses the pattern of a line filter.
 *
 * @throws SyntaxError with Loki's text.
 */
export function parsePatternFilter(pattern: string): PatternPart[] {
  const parts = parsePatternExpression(pattern)
  refuseConsecutive(parts)
  const [named] = namesOf(parts)
  if (named !== undefined) {
    throw new SyntaxError(`named captures are not allowed: found '<${named}>'`)
  }
  return parts
}

function namesOf(parts: readonly PatternPart[]): string[] {
  return parts.flatMap(part => (part.kind === 'capture' && part.name !== '_' ? [part.name] : []))
}

function refuseConsecutive(parts: readonly PatternPart[]): void {
  for (const [i, part] of parts.entries()) {
    const next = parts[i + 1]
    if (part.kind !== 'capture' || next?.kind !== 'capture') continue
    throw new SyntaxError(
      `found consecutive capture '<${part.name}><${next.name}>': invalid expression`,
    )
  }
}
