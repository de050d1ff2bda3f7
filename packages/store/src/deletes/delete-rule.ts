// Owns what a delete request hides, as plain data that can be sent to threads, and which streams
// and blocks it touches. row-deleter.ts decides for single rows.

import { nsPerMs } from '@skald/go-dialect'
import type { LogExpr } from '@skald/query'
import type { LabelSet } from '@skald/wire'
import { compileMatchers } from '@skald/wire/compile-matcher'

/** Hides the entries of a log query between two times. */
export interface DeleteRule {
  /** Id of the request, unique within its tenant. */
  readonly id: string
  readonly log: LogExpr
  /** Both inclusive. */
  readonly startNs: bigint
  readonly endNs: bigint
}

/** First and last time of a block, both inclusive. */
interface Span {
  readonly minNs: bigint
  readonly maxNs: bigint
}

/**
 * How much of a block is deleted: all of it, or the rows that the rules with these indexes match.
 */
export type BlockDeletes = 'all' | readonly number[]

/** Creates the rule for a query that is already checked. */
export function createDeleteRule(
  { id, log }: { readonly id: string; readonly log: LogExpr },
  { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
): DeleteRule {
  const startNs = BigInt(startMs) * nsPerMs
  const endNs = BigInt(endMs) * nsPerMs
  return { id, log, startNs, endNs }
}

/**
 * Finds the rules that apply to a stream. Rules are addressed by their index in the given order.
 */
export class DeletePlan {
  readonly rules: readonly DeleteRule[]
  readonly #accepts: readonly ((labels: LabelSet) => boolean)[]

  constructor(rules: readonly DeleteRule[]) {
    this.rules = rules
    this.#accepts = rules.map(({ log }) => compileMatchers(log.matchers))
  }

  /** Returns the rules for a stream, or `undefined` if none applies. */
  ofStream(labels: LabelSet): StreamDeletes | undefined {
    const indexes = this.rules.flatMap((_, index) => (this.#accepts[index]!(labels) ? index : []))
    return indexes.length > 0 ? new StreamDeletes(this.rules, indexes) : undefined
  }
}

/** The rules that apply to one stream. */
export class StreamDeletes {
  readonly #rules: readonly DeleteRule[]
  readonly #indexes: readonly number[]

  constructor(rules: readonly DeleteRule[], indexes: readonly number[]) {
    this.#rules = rules
    this.#indexes = indexes
  }

  /** Returns how much of a block of this stream is deleted, or `undefined` if nothing is. */
  ofBlock({ minNs, maxNs }: Span): BlockDeletes | undefined {
    const touching = this.#indexes.filter(index => {
      const { startNs, endNs } = this.#rules[index]!
      return startNs <= maxNs && endNs >= minNs
    })
    if (touching.length === 0) return undefined
    const isWhole = touching.some(index => {
      const { log, startNs, endNs } = this.#rules[index]!
      return log.stages.length === 0 && startNs <= minNs && endNs >= maxNs
    })
    return isWhole ? 'all' : touching
  }
}
