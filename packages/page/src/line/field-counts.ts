// Counts the fields of lines: in how many lines each is, and its most frequent values.

import { fieldValuesMax } from '../limits.ts'
import { type FieldOrigin, fieldsOf } from './fields.ts'
import type { Row } from './row.ts'

export interface FieldCount {
  readonly name: string
  readonly origin: FieldOrigin
  /** Lines that have it. */
  readonly count: number
  /** The most frequent first. */
  readonly values: readonly (readonly [value: string, count: number])[]
  /** Different values; at most `fieldValuesMax` are counted. */
  readonly distinct: number
}

interface Counting {
  readonly origin: FieldOrigin
  count: number
  readonly values: Map<string, number>
}

/** Counts rows as they come. */
export class FieldCounter {
  readonly #fields = new Map<string, Counting>()
  #rows = 0

  get rows(): number {
    return this.#rows
  }

  add(row: Row): void {
    this.#rows++
    for (const { name, value, origin } of fieldsOf(row)) {
      const field = this.#fields.get(name) ?? { origin, count: 0, values: new Map() }
      this.#fields.set(name, field)
      field.count++
      const count = field.values.get(value)
      if (count !== undefined) field.values.set(value, count + 1)
      else if (field.values.size < fieldValuesMax) field.values.set(value, 1)
    }
  }

  /** Returns the fields, those in most lines first. */
  list(valueCount: number): FieldCount[] {
    return [...this.#fields]
      .map(([name, { origin, count, values }]) => ({
        ...{ name, origin, count },
        values: [...values].sort((a, b) => b[1] - a[1]).slice(0, valueCount),
        distinct: values.size,
      }))
      .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
  }
}
