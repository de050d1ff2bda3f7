// The test for `|>` and `!>`: texts in order, with something between them.

import type { PatternPart } from './pattern-expression.ts'

/**
 * Creates the test of a pattern. Each text is searched once, at its first place after the previous one. A
 * wildcard takes at least one character. A text at the end must end the line; a text at the start may be
 * anywhere.
 */
export function createPatternTest(parts: readonly PatternPart[]): (line: string) => boolean {
  return line => {
    if (parts.length === 0) return line === ''
    let at = 0
    let isOpen = false
    for (const [i, part] of parts.entries()) {
      if (part.kind === 'capture') {
        isOpen = true
        continue
      }
      const hit = line.indexOf(part.text, at)
      if (hit < 0) return false
      // A leading wildcard needs at least one character.
      if (isOpen && hit === at) return false
      at = hit + part.text.length
      isOpen = false
      if (i === parts.length - 1 && at !== line.length) return false
    }
    return !isOpen || at < line.length
  }
}
