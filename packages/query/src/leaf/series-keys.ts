// Which series a line belongs to, given what the aggregation around it keeps of the labels. Answers are
// remembered per block and metadata set, and per changed labels, so that a line costs one look-up.

import { formatLabelSet, type Label, type LabelSet, labelValue } from '@skald/wire'
import type { Grouping } from '../aggregation/grouping.ts'
import { LogqlPipelineError } from '../errors.ts'
import {
  errorDetailsLabel,
  errorLabel,
  type LineLabels,
  preserveErrorLabel,
} from '../pipeline/labels.ts'
import type { FoundSeries } from '../plan/leaf-result.ts'
import type { BlockRows } from './row-source.ts'

export interface SeriesKeys {
  startBlock(rows: BlockRows): void
  /** The series of all rows of the block, where neither metadata nor lines decide. */
  ofBlock(): FoundSeries | undefined
  /** The series of the rows with a metadata set. */
  ofSet(setIndex: number): FoundSeries
  /** The series of a line that went through stages. */
  ofLine(setIndex: number, labels: LineLabels): FoundSeries
}

type FindSeries = (labels: LabelSet) => FoundSeries

/** Answers kept for changed labels before they are forgotten. */
const rememberedMax = 100_000

export interface SeriesLabels {
  /** What is kept of the labels; everything where it is `undefined`. */
  readonly grouping: Grouping | undefined
  /** Whether labels without a value count where everything is kept. */
  readonly keepsEmpty: boolean
  /** Whether a line with an error that is asked for keeps all labels, whatever the grouping. */
  readonly keepsErrors?: boolean
  /** Whether the details of an error that was dropped go with it; a grouping takes them in any case. */
  readonly dropsDetails?: boolean
}

export function createSeriesKeys(options: SeriesLabels, find: FindSeries): SeriesKeys {
  const keys = createGroupKeys(options, find)
  if (!options.keepsErrors) return keys
  return {
    ...keys,
    ofLine: (setIndex, labels) =>
      labels.error !== '' ? find(labels.toLabelSet()) : keys.ofLine(setIndex, labels),
  }
}

function createGroupKeys(
  { grouping, keepsEmpty, dropsDetails = false }: SeriesLabels,
  find: FindSeries,
): SeriesKeys {
  if (grouping && !grouping.without) return createKeptKeys(grouping.labels, find)
  const dropped = new Set(grouping?.labels)
  return createFullKeys(
    {
      ...{ dropped, keepsEmpty: !grouping && keepsEmpty },
      dropsDetails: dropsDetails || dropped.size > 0,
    },
    find,
  )
}

/** Fails where a field of the line has made an error of itself. */
function checkSeries(set: LabelSet, labels: LineLabels): void {
  const error = labelValue(set, errorLabel)
  if (error === '' || labels.get(preserveErrorLabel) !== undefined) return
  throw new LogqlPipelineError(error, formatLabelSet(labels.toLabelSet()))
}

// `by (a, b)`: the values of these labels are the key.
function createKeptKeys(names: readonly string[], find: FindSeries): SeriesKeys {
  const sorted = [...new Set(names)].sort()
  const byValues = new Map<string, FoundSeries>()
  let rows: BlockRows
  let bySet: (FoundSeries | undefined)[] = []
  const [only] = sorted
  const keyOf = (labels: LineLabels): string => {
    if (sorted.length === 1) return labelOrError(labels, only!) ?? '\u0000'
    let key = ''
    for (const name of sorted) key += `${labelOrError(labels, name) ?? '\u0000'}\u0001`
    return key
  }
  const seriesOf = (labels: LineLabels): FoundSeries => {
    const key = keyOf(labels)
    const known = byValues.get(key)
    if (known) return known
    const kept: Label[] = []
    for (const name of sorted) {
      const value = labelOrError(labels, name)
      if (value !== undefined) kept.push({ name, value })
    }
    checkSeries(kept, labels)
    const series = find(kept)
    if (byValues.size < rememberedMax) byValues.set(key, series)
    return series
  }
  return {
    startBlock: next => {
      rows = next
      bySet = []
    },
    ofBlock: () =>
      sorted.every(name => rows.stream.has(name)) ? seriesOf(rows.labels(undefined)) : undefined,
    ofSet: setIndex => {
      bySet[setIndex] ??= seriesOf(rows.labels(setIndex))
      return bySet[setIndex]
    },
    ofLine: (_setIndex, labels) => seriesOf(labels),
  }
}

function labelOrError(labels: LineLabels, name: string): string | undefined {
  if (name === errorLabel && labels.error !== '') return labels.error
  if (name === errorDetailsLabel && labels.error !== '') return labels.errorDetails || undefined
  return labels.get(name)
}

// All labels but some.
interface FullKeys {
  readonly dropped: ReadonlySet<string>
  readonly keepsEmpty: boolean
  readonly dropsDetails: boolean
}

function createFullKeys(
  { dropped, keepsEmpty, dropsDetails }: FullKeys,
  find: FindSeries,
): SeriesKeys {
  let rows: BlockRows
  let bySet: (FoundSeries | undefined)[] = []
  let byChange = new Map<string, FoundSeries>()
  const ofSet = (setIndex: number): FoundSeries => {
    bySet[setIndex] ??= seriesOf(rows.labels(setIndex))
    return bySet[setIndex]
  }
  const seriesOf = (labels: LineLabels): FoundSeries => {
    const all = labels.toLabelSet()
    const isIdle = (name: string) =>
      dropped.has(name) || (dropsDetails && name === errorDetailsLabel && labels.error === '')
    const kept = all.filter(({ name, value }) => (keepsEmpty || value !== '') && !isIdle(name))
    checkSeries(kept, labels)
    return find(kept)
  }
  return {
    startBlock: next => {
      rows = next
      bySet = []
      byChange = new Map()
    },
    ofBlock: () => undefined,
    ofSet,
    ofLine: (setIndex, labels) => {
      if (!labels.isChanged) return ofSet(setIndex)
      const key = `${setIndex}\u0000${labels.changesKey()}`
      const known = byChange.get(key)
      if (known) return known
      const series = seriesOf(labels)
      if (byChange.size < rememberedMax) byChange.set(key, series)
      return series
    },
  }
}
