// Base of the readers that find fields by their keys.

import type { BlockText } from '../pipeline/block-text.ts'
import { createKeyIndexes, type KeyMemory } from '../pipeline/key-memory.ts'
import type { FieldNames, FieldReader } from './field-reader.ts'
import { FieldValues } from './field-values.ts'
import type { SpanProgram } from './span-finder.ts'

export abstract class KeyedFields implements FieldReader {
  readonly values: FieldValues
  /** Number of fields after which reading can stop. */
  protected readonly countMax: number
  protected readonly keys: KeyMemory<number>

  constructor({ names, areAll, sampled }: FieldNames) {
    this.values = new FieldValues(names.length, sampled)
    this.countMax = areAll ? names.length : Number.POSITIVE_INFINITY
    this.keys = createKeyIndexes(names, areAll)
  }

  /** Returns the program that finds the same fields. */
  program(form: SpanProgram['form']): SpanProgram {
    const { keys, countMax } = this
    return keyedProgram(form, { keys, countMax, nameCount: this.values.texts.length })
  }

  abstract read(text: BlockText, row: number): boolean
}

/** Returns the program that finds the fields of keys. */
export function keyedProgram(
  form: SpanProgram['form'],
  { keys, countMax, nameCount }: { keys: KeyMemory<number>; countMax: number; nameCount: number },
): SpanProgram {
  return {
    form,
    nameCount,
    countMax,
    firstBytes: keys.mayBeWanted,
    meaningOf: key => keys.meaningOf(key),
  }
}
