// Turns what a query needs into the keys of block filters, and finds the blocks that may have it.

import type { Need } from '@skald/query/need'
import type { LabelSet } from '@skald/wire'
import { filterKeysMax, textKeysMax } from '../../limits.ts'
import type { BlockFilter } from './block-filter.ts'
import type { FilterGroupReader, FilterTable } from './filter-group.ts'
import {
  escapeKey,
  type FilterKey,
  gramKeys,
  hasKey,
  letterKeys,
  nameKey,
  pairKey,
  rowOfKey,
} from './keys.ts'

/** Keys that a block must have. An empty `all` asks for nothing, an empty `any` for too much. */
export type NeededKeys =
  | {
      readonly kind: 'keys'
      readonly keys: readonly FilterKey[]
      /** Whether they are keys of names, which older filters lack. */
      readonly areNames?: true
    }
  | { readonly kind: 'all'; readonly of: readonly NeededKeys[] }
  | { readonly kind: 'any'; readonly of: readonly NeededKeys[] }

/** Returns the names of the stream labels that a need depends on. */
export function labelNamesOf(need: Need): string[] {
  switch (need.kind) {
    case 'stream-label':
      return [need.name]
    case 'all':
    case 'any':
      return [...new Set(need.of.flatMap(labelNamesOf))]
    default:
      return []
  }
}

/**
 * Returns the keys that blocks of a stream must have to contain what is needed; `undefined` if any
 * block may contain it, or if there are more than `filterKeysMax` keys.
 */
export function neededKeys(need: Need, labels: LabelSet): NeededKeys | undefined {
  const needed = keysOf(need, labels)
  return needed && countKeys(needed) <= filterKeysMax ? needed : undefined
}

function countKeys(needed: NeededKeys): number {
  if (needed.kind === 'keys') return needed.keys.length
  return needed.of.reduce((sum, inner) => sum + countKeys(inner), 0)
}

function keysOf(need: Need, labels: LabelSet): NeededKeys | undefined {
  switch (need.kind) {
    case 'text': {
      const text = Buffer.from(need.text)
      const exact = need.ignoresCase ? [] : gramKeys(text)
      const keys = [...exact, ...letterKeys(text)].slice(0, textKeysMax)
      return keys.length > 0 ? { kind: 'keys', keys } : undefined
    }
    case 'metadata':
      return { kind: 'keys', keys: [pairKey(need.name, need.value)] }
    case 'metadata-name':
      return { kind: 'keys', keys: [nameKey(need.name)], areNames: true }
    case 'escape':
      return { kind: 'keys', keys: [escapeKey] }
    case 'stream-label':
      return labels.some(({ name }) => name === need.name) ? undefined : { kind: 'any', of: [] }
    case 'all': {
      const of = need.of.flatMap(inner => keysOf(inner, labels) ?? [])
      return of.length > 0 ? { kind: 'all', of } : undefined
    }
    case 'any': {
      const of = need.of.map(inner => keysOf(inner, labels))
      return of.every(inner => inner !== undefined) ? { kind: 'any', of } : undefined
    }
  }
}

/** Returns whether a block may have the keys. Its filter has keys of names. */
export function mayHave(needed: NeededKeys, filter: BlockFilter): boolean {
  switch (needed.kind) {
    case 'all':
      return needed.of.every(inner => mayHave(inner, filter))
    case 'any':
      return needed.of.some(inner => mayHave(inner, filter))
    case 'keys':
      return needed.keys.every(key => hasKey(filter, key))
  }
}

/**
 * Returns which blocks of a table may have the keys: column → 1 or 0.
 * @throws RangeError when the filter is damaged.
 */
export function columnsWith(
  needed: NeededKeys,
  group: FilterGroupReader,
  table: FilterTable,
): Uint8Array {
  const columns = new Uint8Array(table.blocks.length).fill(1)
  narrow(needed, { group, table }, columns)
  return columns
}

interface Place {
  readonly group: FilterGroupReader
  readonly table: FilterTable
}

/** Removes the columns that lack keys. Stops when none is left. */
function narrow(needed: NeededKeys, place: Place, columns: Uint8Array): void {
  if (!columns.includes(1)) return
  switch (needed.kind) {
    case 'all':
      for (const inner of needed.of) narrow(inner, place, columns)
      return
    case 'any': {
      const found = new Uint8Array(columns.length)
      for (const inner of needed.of) {
        const branch = columns.slice()
        narrow(inner, place, branch)
        for (let i = 0; i < found.length; i++) found[i]! |= branch[i]!
      }
      columns.set(found)
      return
    }
    case 'keys':
      if (needed.areNames && !place.group.record.hasNames) return
      narrowByKeys(needed.keys, place, columns)
  }
}

function narrowByKeys(
  keys: readonly FilterKey[],
  { group, table }: Place,
  columns: Uint8Array,
): void {
  for (const { hash, rows } of keys) {
    for (let index = 0; index < rows; index++) {
      group.narrow(table, rowOfKey(hash, index, table.rowCount), columns)
      if (!columns.includes(1)) return
    }
  }
}
