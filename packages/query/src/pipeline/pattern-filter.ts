// The test behind `|>` and `!>`: texts in order, with something between them.

import type { PatternPart } from './pattern-expression.ts'

/**
 * Makes the test of a pattern. Each text is looked for at its first place behind the one before; a
 * wildcard takes at least one character; a text at the end has to end the line, one at the start may
 * stand anywhere. Nothing is tried twice.
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
      // A wildcard in front needs something to stand for.
      if (isOpen && hit === at) return false
      at = hit + part.text.length
      isOpen = false
      if (i === parts.length - 1 && at !== line.length) return false
    }
    return !isOpen || at < line.length
  }
}
