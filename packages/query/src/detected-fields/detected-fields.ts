// Fields of log lines that nobody has named yet: a sample of lines is read as JSON, else as logfmt, and
// what is found there, in structured metadata and by the query's own parsers is counted by name.

import { formatLogqlBytes, parseGoDuration } from '@skald/go-dialect'
import { parseBytes, parseFloatText } from '@skald/go-dialect/number/conversions'
import { formatLabelSet, type LabelSet } from '@skald/wire'
import { runQuery } from '../engine/engine.ts'
import { type QueryLimits, sampledValueCountMax } from '../limits.ts'
import { createPause, type Pause } from '../pause.ts'
import {
  createLabelMap,
  errorDetailsLabel,
  errorLabel,
  type LabelMap,
  preserveErrorLabel,
} from '../pipeline/labels.ts'
import { Line } from '../pipeline/line.ts'
import { allLabels } from '../pipeline/stage.ts'
import type { ResultEntry } from '../plan/leaf-result.ts'
import type { LogSource } from '../plan/log-source.ts'
import { compileJson, type JsonKeyPaths } from '../stages/json.ts'
import { compileLogfmt } from '../stages/logfmt.ts'
import { parseLogQuery } from '../syntax/parser.ts'

/** What a field's values look like; the first that fits. */
export type FieldType = 'int' | 'float' | 'boolean' | 'duration' | 'bytes' | 'string'

export type FieldParser = 'json' | 'logfmt'

export interface DetectedFieldsRequest {
  /** A log query. */
  readonly logql: string
  /** Inclusive. */
  readonly startNs: bigint
  /** Exclusive. */
  readonly endNs: bigint
  /** Lines that are looked at, the newest ones. */
  readonly lineLimit: number
  /** Most fields, or values of a field. */
  readonly limit: number
  readonly limits: QueryLimits
}

export interface DetectedField {
  readonly label: string
  /** Type of the value that was seen last, in the order of a log query's answer. */
  readonly type: FieldType
  /** Different values in the lines that were looked at. */
  readonly cardinality: number
  /** In the order in which they were needed; empty for structured metadata. */
  readonly parsers: readonly FieldParser[]
  /** Keys that lead to the value in the last line in which it was found in JSON. */
  readonly jsonPath: readonly string[] | undefined
}

/**
 * Finds the fields of a log query's lines.
 *
 * @throws LogqlKindError for a metric query; the errors of `runQuery`.
 */
export async function detectFields(
  request: DetectedFieldsRequest,
  source: LogSource,
  signal: AbortSignal,
): Promise<DetectedField[]> {
  const table = new FieldTable(request.limit)
  await sampleLines(request, source, signal, line => {
    for (const { name, value } of line.metadata) table.add(name, value, undefined)
    for (const { name, value } of line.fields) table.add(name, value, line)
    return table.hasRoom
  })
  return table.fields()
}

/**
 * Finds the values of one field. Sizes are written with one decimal unit, as a query can be given them.
 *
 * @throws LogqlKindError for a metric query; the errors of `runQuery`.
 */
export async function detectFieldValues(
  request: DetectedFieldsRequest & { readonly name: string },
  source: LogSource,
  signal: AbortSignal,
): Promise<string[]> {
  const values = new Set<string>()
  const most = Math.min(request.limit, sampledValueCountMax)
  const add = (value: string) => {
    if (values.size < most) values.add(value)
  }
  await sampleLines(request, source, signal, ({ metadata, fields }) => {
    for (const { name, value } of metadata) if (name === request.name) add(value)
    for (const { name, value } of fields) {
      if (name === request.name) add(isSizeWithUnit(value) ? formatSize(value) : value)
    }
    return values.size < most
  })
  return [...values].sort()
}

function isSizeWithUnit(value: string): boolean {
  return /[a-z]\s*$/i.test(value) && fieldTypeOf(value) === 'bytes'
}

function formatSize(value: string): string {
  return formatLogqlBytes(parseBytes(value))
}

/** What was found out about one line. */
interface SampledLine {
  readonly metadata: LabelSet
  /** What parsers found, those of the query first; one name may have two values. */
  readonly fields: LabelSet
  readonly parser: FieldParser
  /** Of a line that is JSON; valid until the next line. */
  readonly jsonPaths: JsonKeyPaths
}

/** Reads the lines one after the other, newest first in each stream, until `take` wants no more. */
async function sampleLines(
  request: DetectedFieldsRequest,
  source: LogSource,
  signal: AbortSignal,
  take: (line: SampledLine) => boolean,
): Promise<void> {
  const { logql, startNs, endNs, limits, lineLimit } = request
  parseLogQuery(logql)
  const query = {
    logql,
    startNs,
    endNs,
    stepNs: 0n,
    intervalNs: 0n,
    limit: lineLimit,
    direction: 'backward' as const,
    isInstant: false,
    limits,
  }
  const result = await runQuery(query, source, signal)
  const entries = result.kind === 'streams' ? result.entries : []
  await readEntries(entries, take, createPause(signal))
}

async function readEntries(
  entries: readonly ResultEntry[],
  take: (line: SampledLine) => boolean,
  pause: Pause,
): Promise<void> {
  const reader = new FieldReader()
  const streams = Map.groupBy(entries, ({ labels }) => formatLabelSet(labels.stream))
  const ordered = [...streams].sort(([a], [b]) => (a < b ? 1 : -1))
  for (const [, ofStream] of ordered) {
    for (const entry of ofStream) {
      if (!take(reader.read(entry))) return
      await pause(100 + entry.line.length)
    }
  }
}

/** Reads lines as JSON, else as logfmt. */
class FieldReader {
  readonly #line = new Line()
  readonly #paths: JsonKeyPaths = new Map()
  readonly #json = compileJson({ kind: 'json', extractions: [] }, allLabels, this.#paths)
  readonly #logfmt = compileLogfmt(
    { kind: 'logfmt', extractions: [], isStrict: false, keepsEmpty: false },
    allLabels,
  )
  #labels: LabelSet | undefined
  #stream: LabelMap = new Map()

  read({ line: text, labels }: ResultEntry): SampledLine {
    if (this.#labels !== labels.stream) {
      this.#labels = labels.stream
      this.#stream = createLabelMap(labels.stream)
    }
    const line = this.#line
    const open = () => {
      line.text = text
      line.labels.reset(this.#stream, new Map())
    }
    let parser: FieldParser = 'json'
    open()
    this.#json(line)
    if (line.labels.hasError) {
      parser = 'logfmt'
      open()
      this.#logfmt(line)
    }
    const found = line.labels.categorize().parsed
    const fields = [...labels.parsed, ...found].filter(({ name }) => !errorLabels.has(name))
    return { metadata: labels.metadata, fields, parser, jsonPaths: this.#paths }
  }
}

const errorLabels: ReadonlySet<string> = new Set([
  errorLabel,
  errorDetailsLabel,
  preserveErrorLabel,
])

interface Field {
  readonly values: Set<string>
  readonly parsers: FieldParser[]
  last: string
  jsonPath: readonly string[] | undefined
}

class FieldTable {
  readonly #limit: number
  readonly #fields = new Map<string, Field>()
  #valueCount = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Whether more values can be kept. */
  get hasRoom(): boolean {
    return this.#valueCount < sampledValueCountMax
  }

  /** Adds a value; `line` where a parser found it. */
  add(name: string, value: string, line: SampledLine | undefined): void {
    let field = this.#fields.get(name)
    if (!field) {
      if (this.#fields.size >= this.#limit) return
      field = { values: new Set(), parsers: [], last: value, jsonPath: undefined }
      this.#fields.set(name, field)
    }
    field.last = value
    if (!field.values.has(value)) {
      field.values.add(value)
      this.#valueCount++
    }
    if (!line) return
    if (line.parser === 'json') field.jsonPath = line.jsonPaths.get(name)
    if (!field.parsers.includes(line.parser)) field.parsers.push(line.parser)
  }

  fields(): DetectedField[] {
    return [...this.#fields].map(([label, { values, parsers, last, jsonPath }]) => ({
      label,
      type: fieldTypeOf(last),
      cardinality: values.size,
      parsers,
      jsonPath,
    }))
  }
}

const int64Max = (1n << 63n) - 1n
const booleans: ReadonlySet<string> = new Set(
  '1 t T TRUE true True 0 f F FALSE false False'.split(' '),
)

/** Tells what a value looks like, as Go reads it. */
export function fieldTypeOf(value: string): FieldType {
  if (/^[+-]?\d+$/.test(value)) {
    const whole = BigInt(value.replace(/^\+/, ''))
    if (whole <= int64Max && whole >= -int64Max - 1n) return 'int'
  }
  if (canRead(parseFloatText, value)) return 'float'
  if (booleans.has(value)) return 'boolean'
  if (canRead(parseGoDuration, value)) return 'duration'
  return canRead(parseBytes, value) ? 'bytes' : 'string'
}

function canRead(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text)
    return true
  } catch {
    // That it cannot be read is the answer.
    return false
  }
}

const uuid = /^(?:urn:uuid:)?[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$|^[\da-f]{32}$/i
/** Labels that are shown whatever their values are. */
const keptLabels: ReadonlySet<string> = new Set(['cluster', 'namespace', 'instance', 'pod'])

/**
 * Tells whether a label is worth offering: one whose values are all numbers or UUIDs is not, unless they
 * are 0 and 1 only.
 */
export function isUsefulLabel(name: string, values: Iterable<string>): boolean {
  if (keptLabels.has(name)) return true
  const different = new Set(values)
  if (different.size > 0 && different.isSubsetOf(new Set(['0', '1']))) return true
  for (const value of different) {
    const bare = /^\{.*\}$/.test(value) ? value.slice(1, -1) : value
    if (!uuid.test(bare) && !canRead(parseFloatText, value)) return true
  }
  return false
}
