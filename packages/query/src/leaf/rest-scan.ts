// Computes samples of queries that keep all labels, like `avg_over_time({a="b"} | logfmt | unwrap x [1m])`. Lines
// that differ only in the sample, and in labels that are dropped, have the same series: the pipeline runs on the
// first of them.

import { formatLabelSet } from '@skald/wire'
import type { Grouping } from '../aggregation/grouping.ts'
import { createRestReader, type RestReader } from '../fields/rest-reader.ts'
import { restAnswersMax, restTrialMax } from '../limits.ts'
import type { BlockText } from '../pipeline/block-text.ts'
import type { FoundSeries } from '../plan/leaf-result.ts'
import { addFilterNeeds } from '../stages/label-filter.ts'
import type { Stage } from '../stages/stage-table.ts'
import { type Conversion, conversionOf } from '../stages/unwrap.ts'
import type { Unwrap } from '../stages/unwrap-syntax.ts'
import type { BlockRows } from './row-source.ts'

/** The part of a query that decides which labels its series keep. */
export interface RestQuery {
  readonly stages: readonly Stage[]
  readonly grouping: Grouping | undefined
  readonly unwrap: Unwrap | undefined
}

/** What becomes of lines with a rest. */
export type RestAnswer = FoundSeries | 'dropped'

/** Creates the scans, or returns `undefined` if lines with equal rests may have different series. */
export function createRestScans({ stages, grouping, unwrap }: RestQuery): RestScans | undefined {
  const [parser, ...rest] = stages
  if (!unwrap || unwrap.filters.length > 0 || (grouping && !grouping.without)) return undefined
  if (!parser || (parser.kind !== 'json' && parser.kind !== 'logfmt')) return undefined
  if (parser.extractions.length > 0) return undefined
  if (parser.kind === 'logfmt' && (parser.isStrict || parser.keepsEmpty)) return undefined
  const idle = idleLabels(rest, grouping)
  const { label } = unwrap
  if (!idle || idle.used.has(label) || idle.dropped.has(label) || !isPlain(label)) return undefined
  const dropped = [...idle.dropped].filter(name => !idle.used.has(name) && isPlain(name))
  const form = parser.kind === 'json' ? 'Json' : 'Logfmt'
  return new RestScans([label, ...dropped], names => {
    const reader = createRestReader(form, names)
    return reader && new RestScan(reader, conversionOf(unwrap))
  })
}

// Not a label that parsers or errors invent.
function isPlain(name: string): boolean {
  return !name.startsWith('__') && !name.endsWith('_extracted')
}

// The labels that stages drop, and those whose values they use. `undefined` if they may use any.
function idleLabels(
  stages: readonly Stage[],
  grouping: Grouping | undefined,
): { dropped: Set<string>; used: Set<string> } | undefined {
  const dropped = new Set(grouping?.labels)
  const used = new Set<string>()
  for (const stage of stages) {
    if (stage.kind === 'labelFilter') addFilterNeeds(used, stage.filter)
    else if (stage.kind === 'drop') {
      for (const { name, matcher } of stage.picks) (matcher ? used : dropped).add(name)
    } else return undefined
  }
  return { dropped, used }
}

/** Holds one scan for each set of labels that come from lines alone. */
export class RestScans {
  readonly #names: readonly string[]
  readonly #make: (names: readonly string[]) => RestScan | undefined
  readonly #known = new Map<string, RestScan | undefined>()

  /** @param names the label of the sample, and those that are dropped. */
  constructor(names: readonly string[], make: (names: readonly string[]) => RestScan | undefined) {
    this.#names = names
    this.#make = make
  }

  /** Returns the scan for a block, or `undefined` if the pipeline has to run on each line. */
  ofBlock(rows: BlockRows): RestScan | undefined {
    const names = this.#names.filter(name => !rows.stream.has(name) && !rows.hasMetadata(name))
    if (names[0] !== this.#names[0]) return undefined
    const key = names.join()
    if (!this.#known.has(key)) this.#known.set(key, this.#make(names))
    const scan = this.#known.get(key)
    return scan?.startBlock(rows) ? scan : undefined
  }
}

/** Remembers what became of lines. */
export class RestScan {
  /** The sample of the last line. */
  sample = 0
  readonly #reader: RestReader
  readonly #convert: Conversion
  // Labels of stream and metadata → number of a rest → answer.
  #byLabels = new Map<string, RestAnswer[]>()
  #bySet: (RestAnswer[] | undefined)[] = []
  #rows: BlockRows | undefined
  #streamKey = ''
  #generation = -1
  #answerCount = 0
  #hitCount = 0
  #missCount = 0
  // Where the answer about the last line belongs.
  #answers: RestAnswer[] | undefined
  #id = -1

  constructor(reader: RestReader, convert: Conversion) {
    this.#reader = reader
    this.#convert = convert
  }

  /** Starts a block. Returns false if too few lines were equal so far. */
  startBlock(rows: BlockRows): boolean {
    // With times or ids in lines, no rest comes twice.
    if (this.#missCount > restTrialMax && this.#hitCount < this.#missCount) return false
    this.#rows = rows
    this.#bySet = []
    this.#streamKey = formatLabelSet(rows.block.labels)
    return true
  }

  /** Returns what became of an equal line, and sets the sample. `undefined` if the pipeline has to run. */
  take(text: BlockText, row: number, setIndex: number): RestAnswer | undefined {
    const reader = this.#reader
    this.#id = -1
    const id = reader.read(text, row)
    if (id < 0) return undefined
    if (reader.generation !== this.#generation) this.#forget()
    this.sample = this.#convert.simpleBytes(text.bytes, reader.start, reader.end)
    if (Number.isNaN(this.sample)) return undefined
    this.#answers = this.#bySet[setIndex] ?? this.#answersOf(setIndex)
    this.#id = id
    const answer = this.#answers[id]
    if (answer === undefined) this.#missCount++
    else this.#hitCount++
    return answer
  }

  /** Remembers what the pipeline said about the last line. */
  remember(answer: RestAnswer): void {
    if (this.#id < 0 || this.#answerCount >= restAnswersMax) return
    this.#answerCount++
    this.#answers![this.#id] = answer
  }

  #answersOf(setIndex: number): RestAnswer[] {
    const metadata = [...this.#rows!.metadataOf(setIndex)].flat().join('\u0000')
    const key = `${this.#streamKey}\u0000${metadata}`
    const answers = this.#byLabels.get(key) ?? []
    this.#byLabels.set(key, answers)
    this.#bySet[setIndex] = answers
    return answers
  }

  // Numbers of rests are new after another program has run.
  #forget(): void {
    this.#generation = this.#reader.generation
    this.#byLabels = new Map()
    this.#bySet = []
    this.#answerCount = 0
  }
}
