// Differences that are meant, or are accidents of the other server: each has its reason in docs/differences.md,
// under the same name.

import type { Answer } from './answers.ts'
import type { CompareQuery } from './queries.ts'

/** A kind of difference. */
export interface Explanation {
  /** As docs/differences.md names it. */
  readonly name: string
  /** Tells whether it is what makes these answers differ. */
  readonly explains: (difference: {
    readonly query: CompareQuery
    readonly wanted: Answer
    readonly got: Answer
  }) => boolean
}

export const explanations: readonly Explanation[] = []
