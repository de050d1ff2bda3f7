// Groups of `| regexp` read from a line; see field-reader.ts.

import { type CompiledRegex, compileRegex, type GroupPicker } from '@skald/go-dialect/regex/regex'
import type { BlockText } from '../pipeline/block-text.ts'
import { sanitizeLabelName } from '../pipeline/extraction.ts'
import type { FieldNames, FieldReader } from './field-reader.ts'
import { FieldValues } from './field-values.ts'

export function createRegexpFields(
  { pattern }: { readonly pattern: string },
  { names }: FieldNames,
): FieldReader | undefined {
  const regex = compileRegex(pattern)
  const named = regex.groupNames.filter(name => name !== undefined).map(sanitizeLabelName)
  if (new Set(named).size < named.length) return undefined
  return new RegexpFields(regex, names)
}

class RegexpFields implements FieldReader {
  readonly values: FieldValues
  readonly #picker: GroupPicker
  /** Index of the values in the order of their groups. */
  readonly #indexes: readonly number[]

  constructor(regex: CompiledRegex, names: readonly string[]) {
    // Groups are texts already.
    this.values = new FieldValues(names.length, -1)
    const groups = regex.groupNames.map(name => name && sanitizeLabelName(name))
    const found = names
      .map((name, index) => ({ index, group: groups.indexOf(name) }))
      .filter(({ group }) => group > 0)
      .sort((a, b) => a.group - b.group)
    this.#indexes = found.map(({ index }) => index)
    this.#picker = regex.createPicker(found.map(({ group }) => group))
  }

  read(text: BlockText, row: number): boolean {
    const { texts } = this.values
    const indexes = this.#indexes
    const { isAscii } = text
    const match = this.#picker.pick(text.line(row))
    for (let i = 0; i < indexes.length; i++) {
      const value = match && (match[i + 1] ?? '')
      if (!isAscii && value?.includes('\ufffd')) return false
      texts[indexes[i]!] = value
    }
    return true
  }
}
