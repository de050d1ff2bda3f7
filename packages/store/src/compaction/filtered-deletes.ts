// The delete rules of a stream, less those whose texts are in no row of a block, as its filter says. So a merge takes
// over blocks without deleted rows, and need not open them.

import { needOfLog } from '@skald/query'
import type { LabelSet } from '@skald/wire'
import type { BlockDeletes, DeleteRule, StreamDeletes } from '../deletes/delete-rule.ts'
import type { BlockFilter } from '../segment/filter/block-filter.ts'
import { mayHave, type NeededKeys, neededKeys } from '../segment/filter/need-keys.ts'
import type { BlockRecord } from '../segment/format.ts'

export interface FilteredDeletesParts<Place> {
  readonly deletes: StreamDeletes
  /** The rules that the indexes of `deletes` refer to. */
  readonly rules: readonly DeleteRule[]
  /** Labels of the stream. */
  readonly labels: LabelSet
  /** Returns the filter of a block, `undefined` if it has none that can be used. */
  readonly filterOf: (place: Place) => BlockFilter | undefined
}

/** A block of the stream. */
interface DeletePlace {
  readonly record: BlockRecord
}

/** Finds out how much of each block of one stream is deleted. */
export class FilteredDeletes<Place extends DeletePlace = DeletePlace> {
  readonly #parts: FilteredDeletesParts<Place>
  /** Index of a rule → the keys that its rows have; `null` if that is not known. */
  readonly #keys = new Map<number, NeededKeys | null>()
  readonly #known = new Map<BlockRecord, BlockDeletes | undefined>()

  constructor(parts: FilteredDeletesParts<Place>) {
    this.#parts = parts
  }

  /** Returns how much of a block is deleted, or `undefined` if nothing is. */
  ofBlock(place: Place): BlockDeletes | undefined {
    const { record } = place
    if (!this.#known.has(record)) this.#known.set(record, this.#find(place))
    return this.#known.get(record)
  }

  #find(place: Place): BlockDeletes | undefined {
    const found = this.#parts.deletes.ofBlock(place.record)
    if (found === undefined || found === 'all') return found
    if (found.every(rule => this.#keysOf(rule) === null)) return found
    const filter = this.#parts.filterOf(place)
    if (!filter) return found
    const left = found.filter(rule => {
      const keys = this.#keysOf(rule)
      return keys === null || mayHave(keys, filter)
    })
    return left.length > 0 ? left : undefined
  }

  #keysOf(rule: number): NeededKeys | null {
    let keys = this.#keys.get(rule)
    if (keys === undefined) {
      const { rules, labels } = this.#parts
      const need = needOfLog(rules[rule]!.log)
      keys = (need && neededKeys(need, labels)) ?? null
      this.#keys.set(rule, keys)
    }
    return keys
  }
}
