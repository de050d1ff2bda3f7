// What a line must contain for a label filter behind a parser to let it through. The value of a parsed
// label stands in the line as it is, unless something in it was escaped, so lines with neither the value
// nor a backslash need not be parsed at all.

import type { LabelFilter } from '../tokens/label-filter-syntax.ts'
import { definitionOf, type Stage } from './stage-table.ts'

/** A label that has to have one of some values. */
export interface LineHint {
  readonly name: string
  readonly values: readonly string[]
}

/** Finds the hints of the stages up to the first that changes labels or lines otherwise. */
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

// Filters that all have to hold; alternatives count where they are about one label.
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
    // Errors are not in the line; a space may stand for bytes that are no text.
    if (op !== '=' || value === '' || value.includes(' ') || name.startsWith('__')) return undefined
    return { name, values: [value] }
  }
  if (filter.kind !== 'or') return undefined
  const left = alternatives(filter.left)
  const right = alternatives(filter.right)
  if (!left || !right || left.name !== right.name) return undefined
  return { name: left.name, values: [...left.values, ...right.values] }
}
