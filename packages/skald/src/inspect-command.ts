// `skald inspect FILE`: a segment in words.

import { formatLogqlBytes, formatRfc3339 } from '@skald/go-dialect'
import {
  type BlockInfo,
  type CodecName,
  openInspection,
  type PartInfo,
  type SegmentHead,
  type SegmentInspection,
} from '@skald/store/inspect'
import { exitCodes } from './failure.ts'
import { counted } from './finding-output.ts'
import { inspectedNamesMax, inspectedStreamsMax } from './limits.ts'
import type { Terminal } from './terminal.ts'
import { readUpkeepArguments } from './upkeep-arguments.ts'

export const inspectUsage = `skald inspect [options] FILE

Describes a segment, a file in segments/ of a data directory: its parts, streams, blocks, and columns with their sizes and
codecs, filters, counts, and how lines are split. A store may run meanwhile.

  --all    list all streams, all replaced segments, and each block
  --json   print one JSON object per line: the segment, then for each part its streams, blocks, filters and counts. Times
           are nanoseconds
`

/**
 * Runs the command. Returns the exit code.
 *
 * @throws UsageError if an argument is not valid; UpkeepError if the file is no segment.
 */
export async function runInspectCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { isSet, paths } = readUpkeepArguments(argv, {
    usage: inspectUsage,
    switches: ['all', 'json'],
    paths: ['a file'],
  })
  const segment = await openInspection(paths[0]!)
  try {
    const lines = isSet('json') ? jsonOf(segment) : wordsOf(segment, isSet('all'))
    for (const line of lines) terminal.stdout.write(`${line}\n`)
  } finally {
    segment.close()
  }
  return exitCodes.done
}

function* jsonOf(segment: SegmentInspection): Generator<string> {
  yield toJson({ kind: 'segment', ...segment.head() })
  for (const { tenant, day, streams, filters, counts, blocks } of segment.parts()) {
    const part = { tenant, day }
    yield toJson({ kind: 'part', ...part, streams: streams.length })
    for (const stream of streams) yield toJson({ kind: 'stream', ...part, ...stream })
    for (const block of blocks()) yield toJson({ kind: 'block', ...part, ...block })
    for (const group of filters) yield toJson({ kind: 'filters', ...part, ...group })
    for (const group of counts) yield toJson({ kind: 'counts', ...part, ...group })
  }
}

/** Times have more digits than JSON numbers. */
function toJson(value: object): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'bigint' ? String(item) : item,
  )
}

function* wordsOf(segment: SegmentInspection, hasAll: boolean): Generator<string> {
  yield* headLines(segment.head(), hasAll)
  for (const part of segment.parts()) yield* partLines(part, hasAll)
}

function* headLines(head: SegmentHead, hasAll: boolean): Generator<string> {
  const { file, sizeBytes, version, level, sequence, replaces, parts } = head
  yield `${file}: segment of level ${level}, format version ${version}, ${size(sizeBytes)}, ${counted(parts, 'part')}`
  yield `  sequence ${sequence}`
  if (replaces.length > 0) yield `  replaces ${namesOf(replaces, hasAll)}`
}

/** Lists names, or the first and the last if there are many. */
function namesOf(names: readonly string[], hasAll: boolean): string {
  if (hasAll || names.length <= inspectedNamesMax) return names.join(', ')
  return `${names.length} segments, ${names[0]} to ${names.at(-1)}`
}

const size = formatLogqlBytes

function* partLines(part: PartInfo, hasAll: boolean): Generator<string> {
  const { tenant, day, streams, filters, counts } = part
  const sums = new PartSums()
  const blockLines: string[] = []
  for (const block of part.blocks()) {
    sums.add(block)
    if (hasAll) blockLines.push(...linesOfBlock(block))
  }
  const date = new Date(day * 86_400_000).toISOString().slice(0, 10)
  yield ''
  yield `part: tenant ${JSON.stringify(tenant)}, ${date} (day ${day})`
  yield `  ${counted(streams.length, 'stream')}, ${counted(sums.blocks, 'block')}, ${counted(sums.rows, 'line')} of ${size(sums.lineBytes)}`
  yield `  ${span(sums)}`
  if (sums.levelsPending > 0)
    yield `  ${counted(sums.levelsPending, 'block')} without levels yet: compaction adds them`
  yield ''
  yield* sums.columnLines()
  yield* sums.splitLines()
  const groups = (of: readonly { readonly storedBytes: number }[]) =>
    `${counted(of.length, 'group')}, ${size(of.reduce((sum, group) => sum + group.storedBytes, 0))}`
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  yield `  filters: ${groups(filters)}, of ${counted(sum(filters.map(group => group.filters)), 'block')}`
  yield `  counts: ${groups(counts)}, of ${counted(sum(counts.map(group => group.counted)), 'block')}${cellsOf(part)}`
  for (const { fault, offsetBytes } of [...filters, ...counts])
    if (fault !== undefined) yield `  damaged at byte ${offsetBytes}: ${fault}`
  yield ''
  yield* streamLines(part, hasAll)
  if (hasAll) yield* ['', '  blocks:', ...blockLines]
}

function span({ minNs, maxNs }: { readonly minNs: bigint; readonly maxNs: bigint }): string {
  return `${formatRfc3339(minNs)} to ${formatRfc3339(maxNs)}`
}

function cellsOf({ counts }: PartInfo): string {
  const cells = new Map<number, number>()
  for (const group of counts) {
    for (const [seconds, blocks] of Object.entries(group.cells))
      cells.set(Number(seconds), (cells.get(Number(seconds)) ?? 0) + blocks)
  }
  if (cells.size === 0) return ''
  const sorted = [...cells].sort(([a], [b]) => a - b)
  return `; cells of ${sorted.map(([seconds, blocks]) => `${seconds} s (${blocks})`).join(', ')}`
}

function* streamLines({ streams }: PartInfo, hasAll: boolean): Generator<string> {
  const largest = streams.toSorted((a, b) => b.storedBytes - a.storedBytes)
  const shown = hasAll ? streams : largest.slice(0, inspectedStreamsMax)
  yield hasAll || shown.length === streams.length ? '  streams:' : '  largest streams:'
  for (const stream of shown) {
    const { labels, blocks, rows, lineBytes, storedBytes } = stream
    yield `    ${labels}: ${counted(blocks, 'block')}, ${counted(rows, 'line')} of ${size(lineBytes)} in ${size(storedBytes)}, ${span(stream)}`
  }
  const rest = streams.length - shown.length
  if (rest > 0) yield `    and ${rest} more: --all lists them`
}

function* linesOfBlock(block: BlockInfo): Generator<string> {
  const { index, labels, offsetBytes, rows, sequence, sections, fault } = block
  yield `    block ${index} of ${labels}, at byte ${offsetBytes}: ${counted(rows, 'line')}, sequence ${sequence}, ${span(block)}`
  const columns = sections.map(
    ({ name, codec, storedBytes, rawBytes }) =>
      `${name} ${size(storedBytes)} of ${size(rawBytes)} (${codec})`,
  )
  yield `      ${columns.join(', ')}`
  if (fault !== undefined) yield `      damaged: ${fault}`
}

interface ColumnSum {
  stored: number
  raw: number
  readonly codecs: Map<CodecName, number>
}

/** Adds up the blocks of a part. */
class PartSums {
  blocks = 0
  rows = 0
  lineBytes = 0
  levelsPending = 0
  minNs = 0n
  maxNs = 0n
  readonly #columns = new Map<string, ColumnSum>()
  /** Kind of column → columns, values and bytes. */
  readonly #kinds = new Map<string, { columns: number; values: number; bytes: number }>()
  #splitBlocks = 0
  #templates = 0
  #faults = 0

  add(block: BlockInfo): void {
    if (this.blocks === 0 || block.minNs < this.minNs) this.minNs = block.minNs
    if (this.blocks === 0 || block.maxNs > this.maxNs) this.maxNs = block.maxNs
    this.blocks++
    this.rows += block.rows
    this.lineBytes += block.lineBytes
    if (block.isLevelPending) this.levelsPending++
    for (const { name, codec, storedBytes, rawBytes } of block.sections) {
      const sum = this.#columns.get(name) ?? { stored: 0, raw: 0, codecs: new Map() }
      this.#columns.set(name, sum)
      sum.stored += storedBytes
      sum.raw += rawBytes
      sum.codecs.set(codec, (sum.codecs.get(codec) ?? 0) + 1)
    }
    if (block.fault !== undefined) this.#faults++
    if (!block.split) return
    this.#splitBlocks++
    this.#templates += block.split.templates
    for (const { kind, values, bytes } of block.split.columns) {
      const sum = this.#kinds.get(kind) ?? { columns: 0, values: 0, bytes: 0 }
      this.#kinds.set(kind, sum)
      sum.columns++
      sum.values += values
      sum.bytes += bytes
    }
  }

  *columnLines(): Generator<string> {
    yield `  ${'column'.padEnd(14)}${'stored'.padStart(8)}${'unpacked'.padStart(10)}  codecs (blocks)`
    for (const [name, { stored, raw, codecs }] of this.#columns) {
      const used = [...codecs].map(([codec, blocks]) => `${codec} ${blocks}`).join(', ')
      yield `  ${name.padEnd(14)}${size(stored).padStart(8)}${size(raw).padStart(10)}  ${used}`
    }
    yield ''
  }

  *splitLines(): Generator<string> {
    if (this.#faults > 0) yield `  split lines: damaged in ${counted(this.#faults, 'block')}`
    if (this.#splitBlocks === 0) return
    yield `  split lines: ${counted(this.#splitBlocks, 'block')}, ${counted(this.#templates, 'template')}`
    for (const [kind, { columns, values, bytes }] of this.#kinds)
      yield `    ${kind}: ${counted(columns, 'column')}, ${counted(values, 'value')}, ${size(bytes)}`
  }
}
