// Groups of `| regexp` read from a line; see field-reader.ts.

import { compileRegex } from '../regex/regex.ts'
import type { Stage } from '../syntax/ast.ts'
import type { FieldNames, FieldReader } from './field-reader.ts'
import { FieldValues } from './field-values.ts'

export function createRegexpFields(
  { pattern }: Extract<Stage, { kind: 'regexp' }>,
  { names }: FieldNames,
): FieldReader | undefined {
  const regex = compileRegex(pattern)
  const named = regex.groupNames.filter(name => name !== undefined)
  if (new Set(named).size < named.length) return undefined
  const groups = names.map(name => regex.groupNames.indexOf(name))
  // Groups are texts already.
  const values = new FieldValues(names.length, -1)
  return {
    values,
    read: (text, row) => {
      const match = regex.exec(text.line(row))
      for (let i = 0; i < groups.length; i++) {
        const group = groups[i]!
        const value = match && group > 0 ? (match.groups[group] ?? '') : undefined
        if (value?.includes('\ufffd')) return false
        values.texts[i] = value
      }
      return true
    },
  }
}
