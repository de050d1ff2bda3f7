// Computes samples on the fast path of fields/field-reader.ts: one parser, optional filters after it, and an
// aggregation that keeps few labels. No other label of the line is built.

import type { Label, LabelSet } from '@skald/wire'
import type { Grouping } from '../aggregation/grouping.ts'
import { compileFieldFilter, type FieldFilter } from '../fields/field-filter.ts'
import type { FieldReader } from '../fields/field-reader.ts'
import type { FieldValues } from '../fields/field-values.ts'
import { fieldAnswersMax } from '../limits.ts'
import { type MemoryMeter, noMeter, objectBytes } from '../memory-meter.ts'
import type { BlockText } from '../pipeline/block-text.ts'
import type { LabelNeeds } from '../pipeline/stage.ts'
import type { FoundSeries } from '../plan/leaf-result.ts'
import { probeNeeds } from '../stages/label-needs.ts'
import type { Stage } from '../stages/stage-table.ts'
import { definitionOf } from '../stages/stage-table.ts'
import { type Conversion, conversionOf } from '../stages/unwrap.ts'
import type { Unwrap } from '../stages/unwrap-syntax.ts'
import type { BlockRows } from './row-source.ts'

/** The part of a query that decides how lines become samples. */
export interface FieldQuery {
  readonly stages: readonly Stage[]
  readonly needs: LabelNeeds
  readonly grouping: Grouping | undefined
  readonly unwrap: Unwrap | undefined
}

/** The outcome for a line. `unknown` leaves it to the pipeline. */
export type FieldOutcome = 'sample' | 'dropped' | 'unknown'

type FindSeries = (labels: LabelSet) => FoundSeries

/**
 * Creates the scans for a query's blocks. Returns `undefined` if the pipeline has to run.
 *
 * @param meter Counts the answers that are kept.
 */
export function createFieldScans(
  query: FieldQuery,
  find: FindSeries,
  meter: MemoryMeter = noMeter,
): FieldScans | undefined {
  const { stages, needs, grouping, unwrap } = query
  const [parser, ...filters] = stages
  if (!parser || !needs.names || !grouping || grouping.without) return undefined
  if (filters.some(({ kind }) => kind !== 'labelFilter')) return undefined
  if (unwrap && (unwrap.filters.length > 0 || grouping.labels.includes(unwrap.label))) {
    return undefined
  }
  // Error labels, and names that parsers invent.
  const names = [...needs.names]
  if (names.some(name => name.startsWith('__') || name.endsWith('_extracted'))) return undefined
  const groups = [...new Set(grouping.labels)].sort()
  const scans = new FieldScans(names, (read, fixed) =>
    makeScan(query, { read, fixed, groups, find, meter }),
  )
  return scans.isPossible ? scans : undefined
}

interface ScanParts {
  /** Names to read from the line. */
  readonly read: readonly string[]
  /** Stream labels that the query looks at. */
  readonly fixed: ReadonlyMap<string, string>
  readonly groups: readonly string[]
  readonly find: FindSeries
  readonly meter: MemoryMeter
}

type MakeScan = (
  read: readonly string[],
  fixed: ReadonlyMap<string, string>,
) => FieldScan | undefined

function makeScan(
  { stages, unwrap }: FieldQuery,
  { read, fixed, groups, find, meter }: ScanParts,
): FieldScan | undefined {
  const [parser, ...rest] = stages
  const sampled = unwrap ? read.indexOf(unwrap.label) : -1
  // Filters need the text of the labels they test.
  const filtered = probeNeeds(rest)?.names ?? new Set()
  const reader = definitionOf(parser!).fields?.(parser!, {
    names: read,
    sampled: unwrap && !filtered.has(unwrap.label) ? sampled : -1,
    areAll: fixed.size === 0,
  })
  const filters = rest.map(stage =>
    stage.kind === 'labelFilter' ? compileFieldFilter(stage.filter, read) : undefined,
  )
  if (!reader || (unwrap && sampled < 0)) return undefined
  const ready = filters.filter(filter => filter !== undefined)
  if (ready.length < filters.length) return undefined
  return new FieldScan({
    reader,
    filters: ready,
    sampled,
    convert: unwrap && conversionOf(unwrap),
    series: new SeriesLookup({ read, fixed, groups, find, meter }),
  })
}

/** Holds one scan for each distinct set of relevant stream labels. */
export class FieldScans {
  readonly #names: readonly string[]
  readonly #make: MakeScan
  readonly #known = new Map<string, FieldScan | undefined>()

  constructor(names: readonly string[], make: MakeScan) {
    this.#names = names
    this.#make = make
  }

  /** Returns true if a stream without any of the labels could be scanned. */
  get isPossible(): boolean {
    return this.#make(this.#names, new Map()) !== undefined
  }

  /** Returns the scan for a block, or `undefined` if its labels or metadata rule the fast path out. */
  ofBlock(rows: BlockRows): FieldScan | undefined {
    if (this.#names.some(name => rows.hasMetadata(name))) return undefined
    const fixed = new Map<string, string>()
    for (const name of this.#names) {
      const value = rows.stream.get(name)
      if (value !== undefined) fixed.set(name, value)
    }
    const key = [...fixed].flat().join('\u0000')
    if (this.#known.has(key)) return this.#known.get(key)
    const scan = this.#make(
      this.#names.filter(name => !fixed.has(name)),
      fixed,
    )
    if (this.#known.size < fieldAnswersMax) this.#known.set(key, scan)
    return scan
  }
}

type Values = readonly (string | undefined)[]

interface FieldScanParts {
  readonly reader: FieldReader
  readonly filters: readonly FieldFilter[]
  /** Index of the value used as the sample, and how to read it. */
  readonly sampled: number
  readonly convert: Conversion | undefined
  readonly series: SeriesLookup
}

/** Processes the lines of a block, one at a time. */
export class FieldScan {
  /** Sample of the last line that had one. 1 without an unwrap. */
  sample = 1
  readonly #reader: FieldReader
  readonly #filters: readonly FieldFilter[]
  readonly #sampled: number
  readonly #convert: Conversion | undefined
  readonly #series: SeriesLookup

  constructor({ reader, filters, sampled, convert, series }: FieldScanParts) {
    this.#reader = reader
    this.#filters = filters
    this.#sampled = sampled
    this.#convert = convert
    this.#series = series
  }

  take(text: BlockText, row: number): FieldOutcome {
    const reader = this.#reader
    try {
      if (!reader.read(text, row)) return 'unknown'
      const { values } = reader
      for (const filter of this.#filters) if (!filter.passes(values.texts)) return 'dropped'
      return this.#convert ? this.#readSample(values, this.#convert) : 'sample'
    } catch (error) {
      // Not a number: the pipeline turns that into an error of the line.
      if (!(error instanceof SyntaxError)) throw error
      return 'unknown'
    }
  }

  #readSample(values: FieldValues, convert: Conversion): FieldOutcome {
    const { bytes, sampleStart, sampleEnd } = values
    if (sampleStart >= 0) {
      this.sample = convert.simpleBytes(bytes, sampleStart, sampleEnd)
      if (!Number.isNaN(this.sample)) return 'sample'
    }
    const text =
      sampleStart < 0 ? values.texts[this.#sampled] : bytes.toString('utf8', sampleStart, sampleEnd)
    // Some aggregations count lines without a sample.
    if (text === undefined || text === '' || text.includes('\ufffd')) return 'unknown'
    this.sample = convert.text(text)
    return 'sample'
  }

  /** Returns the series of the last line that had a sample. */
  series(): FoundSeries {
    return this.#series.of(this.#reader.values.texts)
  }
}

/** Finds series by the label values that the aggregation keeps. */
class SeriesLookup {
  readonly #parts: ScanParts
  /** Group → index of its value, -1 for a stream label. */
  readonly #indexes: readonly number[]
  readonly #varying: readonly number[]
  readonly #byValues = new Map<string, FoundSeries>()

  constructor(parts: ScanParts) {
    this.#parts = parts
    this.#indexes = parts.groups.map(name => parts.read.indexOf(name))
    this.#varying = this.#indexes.filter(index => index >= 0)
  }

  of(values: Values): FoundSeries {
    const varying = this.#varying
    let key = ''
    if (varying.length === 1) key = values[varying[0]!] ?? '\u0000'
    else for (const index of varying) key += `${values[index] ?? '\u0000'}\u0001`
    return this.#byValues.get(key) ?? this.#begin(key, values)
  }

  #begin(key: string, values: Values): FoundSeries {
    const { groups, fixed, find, meter } = this.#parts
    const labels: Label[] = []
    for (const [i, name] of groups.entries()) {
      const index = this.#indexes[i]!
      const value = index < 0 ? fixed.get(name) : values[index]
      if (value !== undefined) labels.push({ name, value })
    }
    const series = find(labels)
    if (this.#byValues.size < fieldAnswersMax) {
      meter.takeOwn(objectBytes + key.length)
      this.#byValues.set(key, series)
    }
    return series
  }
}
