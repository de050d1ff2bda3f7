// What a delete request hides, as data that threads can be sent, and what that means for streams and
// blocks. Whether single rows fall under a rule is row-deleter.ts's business.

import { nsPerMs } from '@skald/go-dialect'
import type { RowMatcher } from '@skald/query'
import type { LabelSet, Matcher } from '@skald/wire'
import { compileMatchers } from '@skald/wire/compile-matcher'

/** Entries that are deleted: those of a log query between two times. */
export interface DeleteRule {
  /** Of the request, unique within its tenant. */
  readonly id: string
  readonly logql: string
  readonly matchers: readonly Matcher[]
  /** Whether all entries of the selector's streams are meant. */
  readonly isSelector: boolean
  /** Both inclusive. */
  readonly startNs: bigint
  readonly endNs: bigint
}

/** First and last time of something, both inclusive. */
interface Span {
  readonly minNs: bigint
  readonly maxNs: bigint
}

/** What becomes of a block: all of it is deleted, or rows that the rules with these indexes find. */
export type BlockDeletes = 'all' | readonly number[]

/** Makes the rule of a query that was checked. */
export function createDeleteRule(
  { id, logql }: { readonly id: string; readonly logql: string },
  { matchers, isSelector }: Pick<RowMatcher, 'matchers' | 'isSelector'>,
  { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
): DeleteRule {
  const startNs = BigInt(startMs) * nsPerMs
  const endNs = BigInt(endMs) * nsPerMs
  return { id, logql, matchers, isSelector, startNs, endNs }
}

/** Rules in the order in which their indexes count, ready to be asked about streams. */
export class DeletePlan {
  readonly #rules: readonly DeleteRule[]
  readonly #accepts: readonly ((labels: LabelSet) => boolean)[]

  constructor(rules: readonly DeleteRule[]) {
    this.#rules = rules
    this.#accepts = rules.map(({ matchers }) => compileMatchers(matchers))
  }

  /** What deletes entries of a stream; `undefined` where nothing does. */
  ofStream(labels: LabelSet): StreamDeletes | undefined {
    const indexes = this.#rules.flatMap((_, index) => (this.#accepts[index]!(labels) ? index : []))
    return indexes.length > 0 ? new StreamDeletes(this.#rules, indexes) : undefined
  }
}

/** The rules that concern one stream. */
export class StreamDeletes {
  readonly #rules: readonly DeleteRule[]
  readonly #indexes: readonly number[]

  constructor(rules: readonly DeleteRule[], indexes: readonly number[]) {
    this.#rules = rules
    this.#indexes = indexes
  }

  /** What becomes of a block of the stream; `undefined` where nothing does. */
  ofBlock({ minNs, maxNs }: Span): BlockDeletes | undefined {
    const touching = this.#indexes.filter(index => {
      const { startNs, endNs } = this.#rules[index]!
      return startNs <= maxNs && endNs >= minNs
    })
    if (touching.length === 0) return undefined
    const isWhole = touching.some(index => {
      const { isSelector, startNs, endNs } = this.#rules[index]!
      return isSelector && startNs <= minNs && endNs >= maxNs
    })
    return isWhole ? 'all' : touching
  }
}
