// What a stored line, or the metadata of its row, must contain to pass a pipeline. A source may skip
// everything that cannot contain it.

/** A condition that every row of the result meets. */
export type Need =
  /** The line contains a text. */
  | { readonly kind: 'text'; readonly text: string; readonly ignoresCase: boolean }
  /** The row has a pair of structured metadata. */
  | { readonly kind: 'metadata'; readonly name: string; readonly value: string }
  /** The row has structured metadata of this name. */
  | { readonly kind: 'metadata-name'; readonly name: string }
  /** The stream has a label of this name. */
  | { readonly kind: 'stream-label'; readonly name: string }
  /** The line has an ordinary character written as an escape (`\u0041`). */
  | { readonly kind: 'escape' }
  | { readonly kind: 'all' | 'any'; readonly of: readonly Need[] }

/** Joins conditions that must all hold. Without any, nothing is known. */
export function allOf(needs: readonly (Need | undefined)[]): Need | undefined {
  const known = needs.filter(need => need !== undefined)
  return known.length > 1 ? { kind: 'all', of: known } : known[0]
}

/** Joins conditions of which one must hold. If nothing is known about one, nothing is known. */
export function anyOf(needs: readonly (Need | undefined)[]): Need | undefined {
  const known = needs.filter(need => need !== undefined)
  if (known.length < needs.length || known.length === 0) return undefined
  return known.length > 1 ? { kind: 'any', of: known } : known[0]
}

/**
 * Characters that parsers take from a line as they are, unless it writes them as `\u` and four
 * digits. Others have shorter escapes, or are often escaped, or are in values that a parser may
 * rewrite. A space may also replace bytes that are not text.
 */
export const plainCharacters = '[\\w\\-.@+=%#*~]'
