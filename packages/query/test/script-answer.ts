// Answers the queries of scripts from entries in memory, as the lines that scripts expect.

import { formatLabelSet } from '@skald/wire'
import {
  defaultQueryLimits,
  type QueryResult,
  runQuery,
  type Series,
  sampleText,
  unionLabels,
} from '../src/index.ts'
import { createMemorySource } from './memory-source.ts'
import { escapeLine, type ScriptQuery, type ScriptStream, scriptStartNs } from './query-script.ts'

/** Runs a query on streams; a failed one gives the first line of its error. */
export async function answerCase(
  query: ScriptQuery,
  streams: readonly ScriptStream[],
): Promise<string[]> {
  const { kind, ...request } = query
  const source = createMemorySource(streams.map(withoutRepeats))
  const options = {
    ...request,
    intervalNs: 0n,
    isInstant: kind === 'instant' || kind === 'fail',
    limits: { ...defaultQueryLimits, shardAggregations: ['approx_topk'] },
  }
  const answer = runQuery(options, source, new AbortController().signal)
  if (kind !== 'fail') return format(await answer)
  return await answer.then(
    () => ['(no error)'],
    (error: Error) => [error.message.trim().split('\n')[0]!],
  )
}

/** Leaves out repeated entries, as a store does. */
function withoutRepeats({ labels, entries }: ScriptStream): ScriptStream {
  const different = new Map(
    entries.map(entry => [
      JSON.stringify([String(entry.timestampNs), entry.line, entry.metadata]),
      entry,
    ]),
  )
  return { labels, entries: [...different.values()] }
}

function format(result: QueryResult): string[] {
  switch (result.kind) {
    case 'streams':
      return result.entries.map(({ timestampNs, line, labels }) => {
        const seconds = Number(timestampNs - scriptStartNs) / 1e9
        const text = escapeLine(line)
        return `${formatLabelSet(unionLabels(labels))} +${seconds}s ${text}`.trimEnd()
      })
    case 'matrix':
      return result.series.map(series => `${formatLabelSet(series.labels)} ${pointsOf(series)}`)
    case 'vector':
      return result.samples.map(
        ({ labels, value }) => `${formatLabelSet(labels)} ${sampleText(value)}`,
      )
    case 'scalar':
      return [`scalar ${sampleText(result.value)}`]
  }
}

// Samples step by step; `_` where there is none.
function pointsOf({ values, present }: Series): string {
  return Array.from(values, (value, i) => (present[i] ? sampleText(value) : '_')).join(' ')
}
