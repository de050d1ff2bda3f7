// Reads the groups of `| regexp` from a line (see field-reader.ts).

import {
  type CertainSteps,
  certainStepsOf,
  type RegexStep,
} from '@skald/go-dialect/regex/certain-steps'
import { type CharSet, charSetHas } from '@skald/go-dialect/regex/char-set'
import { type CompiledRegex, compileRegex, type GroupPicker } from '@skald/go-dialect/regex/regex'
import type { BlockText } from '../pipeline/block-text.ts'
import { sanitizeLabelName } from '../pipeline/extraction.ts'
import type { FieldNames, FieldReader } from './field-reader.ts'
import { FieldValues } from './field-values.ts'
import { withSpans } from './span-fields.ts'
import type { SpanProgram } from './span-finder.ts'

export function createRegexpFields(
  { pattern }: { readonly pattern: string },
  { names }: FieldNames,
): FieldReader | undefined {
  const regex = compileRegex(pattern)
  const named = regex.groupNames.filter(name => name !== undefined).map(sanitizeLabelName)
  if (new Set(named).size < named.length) return undefined
  return withSpans(new RegexpFields(regex, names), regexpProgram(regex, names))
}

// Numbers of the steps in ../../assembly/field-spans.ts.
const stepDone = 0
const stepByte = 1
const stepRun = 2
const stepStart = 3
const stepEnd = 4
const stepTextEnd = 5

function regexpProgram(regex: CompiledRegex, names: readonly string[]): SpanProgram | undefined {
  const certain = certainStepsOf(regex.source)
  if (!certain) return undefined
  const fieldOf = (group: number) => {
    const name = regex.groupNames[group]
    return name === undefined ? -1 : names.indexOf(sanitizeLabelName(name))
  }
  return {
    form: 'Regexp',
    nameCount: names.length,
    countMax: names.length,
    write: at => writeSteps(certain, fieldOf, at),
  }
}

/** Numbers of a step. The first entry says where matches begin. */
const stepNumbers = 4

function writeSteps(
  { steps, isAtStart }: CertainSteps,
  fieldOf: (group: number) => number,
  at: number,
): Uint8Array {
  const kept = steps.filter(
    step => !(step.kind === 'groupStart' || step.kind === 'groupEnd') || fieldOf(step.index) >= 0,
  )
  const tables: Uint8Array[] = []
  const tablesAt = at + 4 * stepNumbers * (kept.length + 2)
  const numbersOf = (step: RegexStep): readonly number[] => {
    switch (step.kind) {
      case 'groupStart':
        return [stepStart, fieldOf(step.index), 0, 0]
      case 'groupEnd':
        return [stepEnd, fieldOf(step.index), 0, 0]
      case 'textEnd':
        return [stepTextEnd, 0, 0, 0]
      case 'chars': {
        const only = onlyByteOf(step)
        if (only >= 0) return [stepByte, only, 0, 0]
        const most = Number.isFinite(step.max) ? step.max : -1
        return [stepRun, tablesAt + 0x100 * (tables.push(tableOf(step.set)) - 1), step.min, most]
      }
    }
  }
  const first = kept.find(step => step.kind === 'chars')
  const start = isAtStart ? -2 : first ? onlyByteOf(first) : -1
  const numbers = [[start, 0, 0, 0], ...kept.map(numbersOf), [stepDone, 0, 0, 0]].flat()
  return Buffer.concat([Buffer.from(Int32Array.from(numbers).buffer), ...tables])
}

// Returns the byte of a step that takes this one byte once, or -1.
function onlyByteOf({ set, min, max }: Extract<RegexStep, { kind: 'chars' }>): number {
  return min === 1 && max === 1 && set.length === 2 && set[0] === set[1] ? set[0]! : -1
}

function tableOf(set: CharSet): Uint8Array {
  return Uint8Array.from({ length: 0x100 }, (_, code) => (charSetHas(set, code) ? 1 : 0))
}

class RegexpFields implements FieldReader {
  readonly values: FieldValues
  readonly #picker: GroupPicker
  /** Value indexes, in group order. */
  readonly #indexes: readonly number[]

  constructor(regex: CompiledRegex, names: readonly string[]) {
    // Groups are already strings.
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
