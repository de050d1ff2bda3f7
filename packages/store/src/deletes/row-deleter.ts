// Marks the rows of a block that delete rules match. Each scan and each merge has its own instance.

import { RowMatcher } from '@skald/query'
import type { StoredBlock } from '../segment/stored-block.ts'
import { systemNowNs } from '../system-clock.ts'
import type { DeleteRule } from './delete-rule.ts'

/** Runs the queries of delete rules over blocks. */
export class RowDeleter {
  readonly #rules: readonly DeleteRule[]
  readonly #matchers: (RowMatcher | undefined)[] = []

  constructor(rules: readonly DeleteRule[]) {
    this.#rules = rules
  }

  /**
   * Sets `skip` for the rows that the rules with these indexes delete. Returns the number of
   * matches.
   */
  mark(block: StoredBlock, indexes: readonly number[]): number {
    let count = 0
    for (const index of indexes) {
      const { log, startNs, endNs } = this.#rules[index]!
      this.#matchers[index] ??= new RowMatcher(log, systemNowNs)
      const rows = this.#matchers[index].rows(block, { startNs, endNs: endNs + 1n })
      if (rows.length === 0) continue
      block.skip ??= new Uint8Array(block.rowCount)
      for (const row of rows) block.skip[row] = 1
      count += rows.length
    }
    return count
  }
}
