// Finds what a line must contain to pass a label filter after a parser. The value of a parsed label is in
// the line unchanged, unless part of it was escaped. So lines with neither the value nor a backslash need no
// parsing.

import type { LabelFilter } from '../tokens/label-filter-syntax.ts'
import { definitionOf, type Stage } from './stage-table.ts'

/** A label that must have one of these values. */
export interface LineHint {
  readonly name: string
  readonly values: readonly string[]
}

/** Returns the hints of the stages, up to the first that changes labels or lines in another way. */
export function lineHints(stages: readonly Stage[]): LineHint[] {
  const hints: LineHint[] = []
  let hasParser = false
  for (const stage of stages) {
    const { keepsFields, parsesLine } = definitionOf(stage)
    if (!keepsFields) break
    if (parsesLine) hasParser = true
    if (stage.kind === 'labelFilter' && hasParser) collect(stage.filter, hints)
  }
  return hints
}

// Collects filters that must all hold. Alternatives count only if they test the same label.
function collect(filter: LabelFilter, hints: LineHint[]): void {
  if (filter.kind === 'and') {
    collect(filter.left, hints)
    collect(filter.right, hints)
    return
  }
  const hint = alternatives(filter)
  if (hint) hints.push(hint)
}

function alternatives(filter: LabelFilter): LineHint | undefined {
  if (filter.kind === 'matcher') {
    const { name, op, value } = filter.matcher
    // Errors are not in the line. A space may replace bytes that are not text.
    if (op !== '=' || value === '' || value.includes(' ') || name.startsWith('__')) return undefined
    return { name, values: [value] }
  }
  if (filter.kind !== 'or') return undefined
  const left = alternatives(filter.left)
  const right = alternatives(filter.right)
  if (!left || !right || left.name !== right.name) return undefined
  return { name: left.name, values: [...left.values, ...right.values] }
}
