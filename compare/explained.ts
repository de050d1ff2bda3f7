// Differences that are meant, or are accidents of the other server: each has its reason in docs/differences.md,
// under the same name.

import type { Answer } from './answers.ts'
import type { CompareQuery } from './queries.ts'

/** A query and the two answers to it. */
export interface FoundDifference {
  readonly query: CompareQuery
  readonly wanted: Answer
  readonly got: Answer
}

/** A kind of difference. */
export interface Explanation {
  /** As docs/differences.md names it. */
  readonly name: string
  /** Tells whether it is what makes these answers differ. */
  readonly explains: (difference: FoundDifference) => boolean
}

/** Series of a good answer as `canonical` in answers.ts leaves them. */
type Series = readonly (readonly [labels: string, values: readonly (readonly unknown[])[]])[]

function seriesOf({ data }: Answer): Series {
  const { result } = (data ?? {}) as { result?: Series }
  return Array.isArray(result) ? result : []
}

const isGood = ({ status }: Answer) => status === 200

/** All sample values of an answer, sorted: what is left when it does not matter which series has which. */
function valuesOf(answer: Answer): string {
  const values = seriesOf(answer).flatMap(([, samples]) => samples.map(sample => sample.join(' ')))
  return values.sort().join('\n')
}

function hasEqualLabels(answer: Answer): boolean {
  const labels = seriesOf(answer).map(([text]) => text)
  return new Set(labels).size < labels.length
}

export const explanations: readonly Explanation[] = [
  {
    name: 'equal values in topk and bottomk',
    explains: ({ query: { logql }, wanted, got }) =>
      /\b(topk|bottomk)\b/.test(logql) &&
      isGood(wanted) &&
      isGood(got) &&
      (valuesOf(wanted) === valuesOf(got) || !/^\s*(topk|bottomk)\b/.test(logql)),
  },
  {
    name: 'topk and bottomk of a number',
    explains: ({ query: { logql }, wanted, got }) =>
      /\b(topk|bottomk)\b/.test(logql) && wanted.status === 500 && got.status === 400,
  },
  {
    name: 'templates that are none in metric queries',
    explains: ({ wanted, got }) =>
      isGood(wanted) &&
      got.status === 400 &&
      /invalid (line template|template for label)/.test(got.error),
  },
  {
    name: 'avg_over_time with unwrap, in shards',
    explains: ({ query: { logql } }) => /avg_over_time\([\s\S]*\bunwrap\b/.test(logql),
  },
  {
    name: 'series with the same labels',
    explains: ({ wanted, got }) => isGood(wanted) && isGood(got) && hasEqualLabels(wanted),
  },
  {
    name: 'series with labels without a value',
    explains: ({ wanted, got }) =>
      isGood(wanted) && isGood(got) && seriesOf(wanted).some(([labels]) => labels.includes('":""')),
  },
  {
    name: 'one key twice in logfmt',
    explains: ({ query: { logql } }) =>
      [...logql.matchAll(/\| logfmt((?: --[\w-]+)*)((?:[ ,]*\w+="(?:[^"\\]|\\.)*")+)/g)].some(
        ([, , extractions = '']) => {
          const keys = [...extractions.matchAll(/="((?:[^"\\]|\\.)*)"/g)].map(([, key]) => key)
          return new Set(keys).size < keys.length
        },
      ),
  },
  {
    name: 'unixToTime of no time',
    explains: ({ query: { logql }, wanted }) =>
      logql.includes('unixToTime') && JSON.stringify(wanted.data ?? '').includes('%!w('),
  },
]
