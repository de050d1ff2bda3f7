// Results as the JSON of Loki's query API: numbers, grouping of entries, order of streams.

import { formatLabelSet, type LabelSet } from '@skald/wire'
import type { Series } from '../aggregation/series.ts'
import type { StepGrid } from '../blocks/block-view.ts'
import type { QueryResult } from '../engine/engine.ts'
import { unionLabels } from '../pipeline/labels.ts'
import type { ResultEntry } from '../plan/leaf-result.ts'
import { decimalText } from '../tokens/literal-text.ts'

export interface ResultFormat {
  /** Tells stream labels, metadata and parsed labels apart (the flag `categorize-labels`). */
  readonly categorizeLabels: boolean
  /** Flags that the answer repeats; those that `categorizeLabels` means where absent. */
  readonly encodingFlags?: readonly string[]
  /** JSON text of the `stats` object; `{}` where absent. */
  readonly statsJson?: string
}

/** Writes a whole answer: `{"status":"success","data":{...}}`. */
export function formatQueryResult(result: QueryResult, format: ResultFormat): string {
  const { categorizeLabels, statsJson = '{}' } = format
  const { encodingFlags = categorizeLabels ? ['categorize-labels'] : [] } = format
  const hasFlags = encodingFlags.length > 0 && result.kind === 'streams'
  const warnings =
    result.warnings.length > 0 ? `"warnings":${JSON.stringify(result.warnings)},` : ''
  const flags = hasFlags ? `"encodingFlags":${JSON.stringify(encodingFlags)},` : ''
  return (
    `{"status":"success",${warnings}"data":{"resultType":"${result.kind}",${flags}` +
    `"result":${formatResultData(result, categorizeLabels)},"stats":${statsJson}}}\n`
  )
}

/** Writes the `result` array alone. */
export function formatResultData(result: QueryResult, categorizeLabels: boolean): string {
  switch (result.kind) {
    case 'streams':
      return streamsJson(result.entries, {
        isReversed: result.direction === 'backward',
        categorizeLabels,
      })
    case 'matrix':
      return `[${matrixJson(result.series, result.grid)}]`
    case 'vector': {
      const time = secondsText(result.timeNs)
      const samples = result.samples.map(
        ({ labels, value }) =>
          `{"metric":${labelsJson(labels)},"value":[${time},"${sampleText(value)}"]}`,
      )
      return `[${samples.join(',')}]`
    }
    case 'scalar':
      return `[${secondsText(result.timeNs)},"${sampleText(result.value)}"]`
  }
}

/** Writes a sample as Loki does: shortest digits, no exponent, `NaN`, `+Inf`, `-Inf`. */
export function sampleText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  return decimalText(value)
}

/** Writes a time as seconds with whole milliseconds: `1700000000.5`. */
export function secondsText(timeNs: bigint): string {
  return String(Number(timeNs / 1_000_000n) / 1000)
}

/** Writes labels as a JSON object. */
export function labelsJson(labels: LabelSet): string {
  let text = '{'
  for (const { name, value } of labels) {
    if (text.length > 1) text += ','
    text += `${jsonText(name)}:${jsonText(value)}`
  }
  return `${text}}`
}

/** Writes a text as a JSON string; halves of surrogate pairs become U+FFFD. */
export function jsonText(text: string): string {
  return JSON.stringify(text.isWellFormed() ? text : text.toWellFormed())
}

function matrixJson(series: readonly Series[], grid: StepGrid): string {
  const times = Array.from({ length: grid.count }, (_, step) =>
    secondsText(grid.startNs + grid.stepNs * BigInt(step)),
  )
  return series
    .map(({ labels, values, present }) => {
      let points = ''
      for (let step = 0; step < values.length; step++) {
        if (!present[step]) continue
        points += `${points === '' ? '' : ','}[${times[step]},"${sampleText(values[step]!)}"]`
      }
      return `{"metric":${labelsJson(labels)},"values":[${points}]}`
    })
    .join(',')
}

// One element for each set of labels: all labels of an entry, or with the flag those of its stream.
function streamsJson(
  entries: readonly ResultEntry[],
  { isReversed, categorizeLabels }: { isReversed: boolean; categorizeLabels: boolean },
): string {
  const streams = new Map<string, { labels: LabelSet; values: string[] }>()
  const keys = new Map<
    ResultEntry['labels'],
    { labels: LabelSet; values: string[]; tail: string }
  >()
  for (const entry of entries) {
    let place = keys.get(entry.labels)
    if (!place) {
      const labels = categorizeLabels ? entry.labels.stream : unionLabels(entry.labels)
      const key = formatLabelSet(labels)
      const stream = streams.get(key) ?? { labels, values: [] }
      streams.set(key, stream)
      place = { ...stream, tail: categorizeLabels ? `,${categoriesJson(entry.labels)}` : '' }
      keys.set(entry.labels, place)
    }
    place.values.push(`["${entry.timestampNs}",${jsonText(entry.line)}${place.tail}]`)
  }
  const sign = isReversed ? -1 : 1
  const ordered = [...streams].sort(([a], [b]) => (a < b ? -sign : sign))
  const texts = ordered.map(
    ([, { labels, values }]) => `{"stream":${labelsJson(labels)},"values":[${values.join(',')}]}`,
  )
  return `[${texts.join(',')}]`
}

/** Writes the object that tells metadata and parsed labels of an entry apart. */
export function categoriesJson({ metadata, parsed }: ResultEntry['labels']): string {
  const parts: string[] = []
  if (metadata.length > 0) parts.push(`"structuredMetadata":${labelsJson(metadata)}`)
  if (parsed.length > 0) parts.push(`"parsed":${labelsJson(parsed)}`)
  return `{${parts.join(',')}}`
}
