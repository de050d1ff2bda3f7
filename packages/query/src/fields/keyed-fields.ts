// Base of the readers that find fields by their keys.

import type { BlockText } from '../pipeline/block-text.ts'
import { createKeyIndexes, type KeyMemory } from '../pipeline/key-memory.ts'
import type { FieldNames, FieldReader } from './field-reader.ts'
import { FieldValues } from './field-values.ts'

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

  abstract read(text: BlockText, row: number): boolean
}
