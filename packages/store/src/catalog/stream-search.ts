// Finds streams by their labels and times.

import { type LabelSet, type Matcher, parseLabelSet } from '@skald/wire'
import { compileMatcher, compileMatchers } from '@skald/wire/compile-matcher'
import { activityByDayStreamsLeast, catalogRowsMax, fewStreamsMax } from '../limits.ts'
import type { TimeRange } from './catalog.ts'
import type { CatalogStatements } from './sqlite-statements.ts'
import { bounded, daysOf } from './time-bounds.ts'

interface StreamRow {
  readonly labelsText: string
  readonly labels: LabelSet
}

/** Searches the streams of a catalog. */
export class StreamSearch {
  readonly #sql: CatalogStatements
  readonly #streamRows = new Map<number, StreamRow>()

  constructor(sql: CatalogStatements) {
    this.#sql = sql
  }

  /** Forgets what it read. Call this when streams are removed. */
  forget(): void {
    this.#streamRows.clear()
  }

  /**
   * Returns the streams that match all matchers and have lines in a range: canonical text → labels. If there may be
   * many, it calls `onCount` before it reads them.
   */
  find(
    tenant: string,
    matchers: readonly Matcher[],
    range: TimeRange,
    onCount?: (count: number) => void,
  ): Map<string, LabelSet> {
    const found = new Map<string, LabelSet>()
    const few = this.#fewIds(tenant, matchers)
    if (few) {
      const accepts = compileMatchers(matchers)
      for (const id of this.#activeIds(few, range)) {
        const row = this.#streamRow(id)
        if (accepts(row.labels)) found.set(row.labelsText, row.labels)
      }
      return found
    }
    const active = this.#activeIds(this.#matchingIds(tenant, matchers), range)
    onCount?.(active.length)
    for (const id of active) {
      const row = this.#streamRow(id)
      found.set(row.labelsText, row.labels)
    }
    return found
  }

  /**
   * Returns the streams of the rarest label that a matcher asks for, if they are few: then it is quicker to
   * look at all of their labels than to find the streams of every other matcher.
   */
  #fewIds(tenant: string, matchers: readonly Matcher[]): Set<number> | undefined {
    let fewest: number[] | undefined
    for (const { name, op, value } of matchers) {
      if (op !== '=' || value === '') continue
      const pair = this.#sql.findPair.get(tenant, name, value)
      if (pair === undefined) return new Set()
      const most = fewest?.length ?? fewStreamsMax + 1
      const ids = this.#sql.someStreamsOfPair.all(pair, most) as number[]
      if (ids.length < most) fewest = ids
    }
    return fewest && new Set(fewest)
  }

  /** Returns the streams that match all matchers, at any time. */
  #matchingIds(tenant: string, matchers: readonly Matcher[]): Set<number> {
    let ids: Set<number> | undefined
    const excluded = new Set<number>()
    for (const matcher of matchers) {
      const accepts = compileMatcher(matcher)
      // A stream without the label has the empty value. If the matcher accepts that, exclude the
      // streams with a rejected value; otherwise keep only those with an accepted one.
      if (accepts('')) {
        for (const id of this.#idsWithValue(tenant, matcher, value => !accepts(value)))
          excluded.add(id)
        continue
      }
      const accepted = new Set(this.#idsWithValue(tenant, matcher, accepts))
      ids = ids ? ids.intersection(accepted) : accepted
      if (ids.size === 0) return ids
    }
    ids ??= new Set(this.#sql.streamsOfTenant.all(tenant) as number[])
    return excluded.size > 0 ? ids.difference(excluded) : ids
  }

  *#idsWithValue(
    tenant: string,
    { name, op, value }: Matcher,
    isWanted: (value: string) => boolean,
  ): Generator<number> {
    if (op === '=' && value !== '') {
      const pair = this.#sql.findPair.get(tenant, name, value)
      if (pair !== undefined) yield* this.#sql.streamsOfPair.all(pair) as number[]
      return
    }
    const pairs = this.#sql.pairsOfName.all(tenant, name) as { id: number; value: string }[]
    for (const pair of pairs) {
      if (isWanted(pair.value)) yield* this.#sql.streamsOfPair.all(pair.id) as number[]
    }
  }

  #activeIds(ids: Set<number>, range: TimeRange): readonly number[] {
    const { startNs, endNs } = bounded(range)
    const [firstDay, lastDay] = daysOf(range)
    if (ids.size < activityByDayStreamsLeast) {
      return [...ids].filter(
        id => this.#sql.activeOne.get(id, firstDay, lastDay, endNs, startNs) !== undefined,
      )
    }
    const active = this.#sql.activeAll.all(firstDay, lastDay, endNs, startNs) as number[]
    return active.filter(id => ids.has(id))
  }

  #streamRow(id: number): StreamRow {
    const cached = this.#streamRows.get(id)
    if (cached) return cached
    const labelsText = this.#sql.streamById.get(id) as string
    const row = { labelsText, labels: parseLabelSet(labelsText) }
    if (this.#streamRows.size >= catalogRowsMax) this.#streamRows.clear()
    this.#streamRows.set(id, row)
    return row
  }
}
