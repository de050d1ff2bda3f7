// Samples by the short way of fields/field-reader.ts: one parser, perhaps filters behind it, and an
// aggregation that keeps few labels. No other label of the line is ever built.

import type { Label, LabelSet } from '@skald/wire'
import type { Grouping } from '../aggregation/grouping.ts'
import { compileFieldFilter, type FieldFilter } from '../fields/field-filter.ts'
import type { FieldReader } from '../fields/field-reader.ts'
import type { FieldValues } from '../fields/field-values.ts'
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

/** What became of a line; `unknown` leaves it to the pipeline. */
export type FieldOutcome = 'sample' | 'dropped' | 'unknown'

type FindSeries = (labels: LabelSet) => FoundSeries

/** Answers kept for values before they are forgotten. */
const rememberedMax = 100_000

/** Makes the scans of a query's blocks; `undefined` where the pipeline has to run. */
export function createFieldScans(query: FieldQuery, find: FindSeries): FieldScans | undefined {
  const { stages, needs, grouping, unwrap } = query
  const [parser, ...filters] = stages
  if (!parser || !needs.names || !grouping || grouping.without) return undefined
  if (filters.some(({ kind }) => kind !== 'labelFilter')) return undefined
  if (unwrap && (unwrap.filters.length > 0 || grouping.labels.includes(unwrap.label))) {
    return undefined
  }
  // Errors, and names that parsers make up.
  const names = [...needs.names]
  if (names.some(name => name.startsWith('__') || name.endsWith('_extracted'))) return undefined
  const groups = [...new Set(grouping.labels)].sort()
  const scans = new FieldScans(names, (read, fixed) =>
    makeScan(query, { read, fixed, groups, find }),
  )
  return scans.isPossible ? scans : undefined
}

interface ScanParts {
  /** Names that come from the line. */
  readonly read: readonly string[]
  /** Labels of the stream among those that are looked at. */
  readonly fixed: ReadonlyMap<string, string>
  readonly groups: readonly string[]
  readonly find: FindSeries
}

type MakeScan = (
  read: readonly string[],
  fixed: ReadonlyMap<string, string>,
) => FieldScan | undefined

function makeScan(
  { stages, unwrap }: FieldQuery,
  { read, fixed, groups, find }: ScanParts,
): FieldScan | undefined {
  const [parser, ...rest] = stages
  const sampled = unwrap ? read.indexOf(unwrap.label) : -1
  // Filters need the text of what they look at.
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
    series: new SeriesLookup({ read, fixed, groups, find }),
  })
}

/** One scan for each set of stream labels that matters. */
export class FieldScans {
  readonly #names: readonly string[]
  readonly #make: MakeScan
  readonly #known = new Map<string, FieldScan | undefined>()

  constructor(names: readonly string[], make: MakeScan) {
    this.#names = names
    this.#make = make
  }

  /** Tells whether a stream without any of the labels could be scanned. */
  get isPossible(): boolean {
    return this.#make(this.#names, new Map()) !== undefined
  }

  /** The scan of a block; `undefined` where its labels or metadata are in the way. */
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
    if (this.#known.size < rememberedMax) this.#known.set(key, scan)
    return scan
  }
}

type Values = readonly (string | undefined)[]

interface FieldScanParts {
  readonly reader: FieldReader
  readonly filters: readonly FieldFilter[]
  /** Index of the value that is the sample, and how it is read. */
  readonly sampled: number
  readonly convert: Conversion | undefined
  readonly series: SeriesLookup
}

/** Takes the lines of a block, one after the other. */
export class FieldScan {
  /** Sample of the last line that had one; 1 without an unwrap. */
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
      // A value that is no number: the pipeline makes it an error of the line.
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
    // A line without a sample matters to some aggregations.
    if (text === undefined || text === '' || text.includes('\ufffd')) return 'unknown'
    this.sample = convert.text(text)
    return 'sample'
  }

  /** Series of the last line that had a sample. */
  series(): FoundSeries {
    return this.#series.of(this.#reader.values.texts)
  }
}

/** Finds series by the values that the aggregation keeps. */
class SeriesLookup {
  readonly #parts: ScanParts
  /** Group → index of its value, -1 for a label of the stream. */
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
    const { groups, fixed, find } = this.#parts
    const labels: Label[] = []
    for (const [i, name] of groups.entries()) {
      const index = this.#indexes[i]!
      const value = index < 0 ? fixed.get(name) : values[index]
      if (value !== undefined) labels.push({ name, value })
    }
    const series = find(labels)
    if (this.#byValues.size < rememberedMax) this.#byValues.set(key, series)
    return series
  }
}
