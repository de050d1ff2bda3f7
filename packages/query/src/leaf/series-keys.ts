// Finds the series of a line, given the labels that the surrounding aggregation keeps. Caches answers per
// block and metadata set, and per changed labels, so a line costs one look-up.

import { formatLabelSet, type Label, type LabelSet, labelValue } from '@skald/wire'
import type { Grouping } from '../aggregation/grouping.ts'
import { LogqlPipelineError } from '../errors.ts'
import { seriesKeysMax } from '../limits.ts'
import { type MemoryMeter, noMeter, objectBytes } from '../memory-meter.ts'
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
  /** Returns the series of all rows of the block, if neither metadata nor lines matter. */
  ofBlock(): FoundSeries | undefined
  /** Returns the series of the rows with a metadata set. */
  ofSet(setIndex: number): FoundSeries
  /** Returns the series of a line that went through stages. */
  ofLine(setIndex: number, labels: LineLabels): FoundSeries
}

type FindSeries = (labels: LabelSet) => FoundSeries

export interface SeriesLabels {
  /** The labels to keep; `undefined` keeps all. */
  readonly grouping: Grouping | undefined
  /** Whether labels with an empty value count when all labels are kept. */
  readonly keepsEmpty: boolean
  /** Whether a line with an error that the query uses keeps all labels, whatever the grouping. */
  readonly keepsErrors?: boolean
  /** Whether the details of a dropped error are dropped too. A grouping always does that. */
  readonly dropsDetails?: boolean
}

/** @param meter Counts the keys that are kept. */
export function createSeriesKeys(
  options: SeriesLabels,
  find: FindSeries,
  meter: MemoryMeter = noMeter,
): SeriesKeys {
  const keys = createGroupKeys(options, find, meter)
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
  meter: MemoryMeter,
): SeriesKeys {
  if (grouping && !grouping.without) return createKeptKeys(grouping.labels, find, meter)
  const dropped = new Set(grouping?.labels)
  return createFullKeys(
    {
      ...{ dropped, keepsEmpty: !grouping && keepsEmpty },
      dropsDetails: dropsDetails || dropped.size > 0,
    },
    find,
  )
}

/** Throws if the series has an error label that the query does not preserve. */
function checkSeries(set: LabelSet, labels: LineLabels): void {
  const error = labelValue(set, errorLabel)
  if (error === '' || labels.get(preserveErrorLabel) !== undefined) return
  throw new LogqlPipelineError(error, formatLabelSet(labels.toLabelSet()))
}

// `by (a, b)`: the values of these labels are the key.
function createKeptKeys(
  names: readonly string[],
  find: FindSeries,
  meter: MemoryMeter,
): SeriesKeys {
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
    return remember(key, find(kept))
  }
  const remember = (key: string, series: FoundSeries): FoundSeries => {
    if (byValues.size < seriesKeysMax) {
      meter.takeOwn(objectBytes + key.length)
      byValues.set(key, series)
    }
    return series
  }
  const maySeeError = sorted.includes(errorLabel)
  // There may be 50,000 small blocks of as many streams, so a block gets a key, and a new stream its series, but
  // no labels of lines are made.
  const ofStream = (stream: LabelSet): FoundSeries | undefined => {
    let key = ''
    const kept: Label[] = []
    for (const name of sorted) {
      const label = stream.find(label => label.name === name)
      if (!label) return undefined
      kept.push(label)
      key = sorted.length === 1 ? label.value : `${key}${label.value}\u0001`
    }
    const known = byValues.get(key)
    if (known) return known
    if (maySeeError) return seriesOf(rows.labels(undefined))
    return remember(key, find(kept))
  }
  return {
    startBlock: next => {
      rows = next
      bySet = []
    },
    ofBlock: () => ofStream(rows.block.labels),
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

// Keeps all labels except some.
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
      if (byChange.size < seriesKeysMax) byChange.set(key, series)
      return series
    },
  }
}
