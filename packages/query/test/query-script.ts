// Query scripts: streams, queries and what they answer, as plain text. See scripts/README.md.

import { parseGoDuration } from '@skald/go-dialect'
import { formatLabelSet, parseLabelSet } from '@skald/wire'
import {
  defaultQueryLimits,
  type QueryResult,
  runQuery,
  type Series,
  sampleText,
  unionLabels,
} from '../src/index.ts'
import { createMemorySource, type TestEntry } from './memory-source.ts'

/** Time of `+0s` in scripts. */
export const scriptStartNs = 1_768_435_200_000_000_000n

export interface ScriptCase {
  /** The `eval` line. */
  readonly title: string
  readonly lineNumber: number
  readonly expected: readonly string[]
  run(): Promise<string[]>
}

interface LoadedStream {
  readonly labels: Record<string, string>
  readonly entries: TestEntry[]
}

/** Reads the cases of a script; each has the streams loaded above it. */
export function parseScript(text: string): ScriptCase[] {
  const cases: ScriptCase[] = []
  let streams: LoadedStream[] = []
  let expected: string[] | undefined
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    if (line.startsWith('  ')) {
      if (expected) expected.push(line.trim())
      else streams.at(-1)!.entries.push(parseEntry(line.trim()))
      continue
    }
    const [word = '', rest = ''] = cut(line)
    expected = undefined
    if (word === 'clear') streams = []
    else if (word === 'load') {
      const labels = Object.fromEntries(parseLabelSet(rest).map(l => [l.name, l.value]))
      streams = [...streams, { labels, entries: [] }]
    } else if (word === 'eval') {
      expected = []
      const loaded = streams
      const run = () => evaluate(rest, loaded)
      cases.push({ title: line, lineNumber: index + 1, expected, run })
    } else throw new SyntaxError(`line ${index + 1}: neither load, clear nor eval: ${line}`)
  }
  return cases
}

function cut(text: string): [word: string, rest: string] {
  const match = /^(\S+)\s*(.*)$/s.exec(text)
  return [match?.[1] ?? '', match?.[2] ?? '']
}

function timeOf(text: string): bigint {
  return scriptStartNs + parseGoDuration(text)
}

// `+1s line` or `+1s {metadata="x"} line`; \n stands for a line break.
function parseEntry(text: string): TestEntry {
  const [time, rest] = cut(text)
  const metadata = /^\{[^{}]*="[^{}]*\}/.exec(rest)?.[0]
  const line = metadata === undefined ? rest : rest.slice(metadata.length + 1)
  return {
    timestampNs: timeOf(time),
    line: line.replaceAll('\\n', '\n'),
    ...(metadata !== undefined && {
      metadata: Object.fromEntries(parseLabelSet(metadata).map(l => [l.name, l.value])),
    }),
  }
}

async function evaluate(text: string, streams: readonly LoadedStream[]): Promise<string[]> {
  const [kind, rest] = cut(text)
  const source = createMemorySource(streams)
  const signal = new AbortController().signal
  const base = {
    stepNs: 0n,
    intervalNs: 0n,
    limit: 100,
    direction: 'forward' as const,
    isInstant: false,
    limits: { ...defaultQueryLimits, shardAggregations: ['approx_topk'] },
    startNs: scriptStartNs,
    endNs: scriptStartNs + 3_600_000_000_000n,
  }
  if (kind === 'logs') {
    return format(await runQuery({ ...base, logql: rest }, source, signal))
  }
  if (kind === 'newest') {
    const [limit, logql] = cut(rest)
    const request = { ...base, logql, limit: Number(limit), direction: 'backward' as const }
    return format(await runQuery(request, source, signal))
  }
  if (kind === 'at') {
    const [time, logql] = cut(rest)
    const endNs = timeOf(time)
    return format(
      await runQuery({ ...base, logql, isInstant: true, startNs: endNs, endNs }, source, signal),
    )
  }
  if (kind === 'range') {
    const [start, more] = cut(rest)
    const [end, last] = cut(more)
    const [step, logql] = cut(last)
    const times = { startNs: timeOf(start), endNs: timeOf(end), stepNs: parseGoDuration(step) }
    return format(await runQuery({ ...base, ...times, logql }, source, signal))
  }
  if (kind === 'fail') {
    const isInstant = true
    try {
      await runQuery({ ...base, logql: rest, isInstant }, source, signal)
    } catch (error) {
      return [(error as Error).message.trim().split('\n')[0]!]
    }
    return ['(no error)']
  }
  throw new SyntaxError(`unknown kind of eval: ${kind}`)
}

function format(result: QueryResult): string[] {
  switch (result.kind) {
    case 'streams':
      return result.entries.map(({ timestampNs, line, labels }) => {
        const seconds = Number(timestampNs - scriptStartNs) / 1e9
        const text = line.replaceAll('\n', '\\n')
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
