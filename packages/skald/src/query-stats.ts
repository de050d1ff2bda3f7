// The table of `skald query --stats`: how long the query took, what became of each block, and what was read.

import { formatLogqlBytes } from '@skald/go-dialect'

/** The parts of `data.stats` that the table shows. Only a Skald store sends `skald`. */
export interface AnswerStats {
  readonly summary: {
    readonly execTime: number
    readonly totalBytesProcessed: number
    readonly totalLinesProcessed: number
    readonly totalPostFilterLines: number
  }
  readonly skald?: {
    readonly scans: number
    readonly scansShared: number
    readonly streams: number
    readonly segments: number
    readonly blocks: Readonly<Record<BlockOutcome, number>>
    readonly filters: {
      readonly asked: number
      readonly falseHits: number
      readonly damagedSegments: number
    }
    readonly counts: { readonly segments: number; readonly damagedSegments: number }
    readonly bytes: Readonly<
      Record<'footersRead' | 'filtersRead' | 'countsRead' | 'blocksRead' | 'decompressed', number>
    >
    readonly bucket: { readonly requests: number; readonly bytes: number }
    readonly seconds: Readonly<Record<Step, number>>
    readonly threads: {
      readonly count: number
      readonly scanCpuSeconds: number
      readonly busiestScanCpuSeconds: number
    }
  }
}

type Explained = NonNullable<AnswerStats['skald']>
type Step = 'streams' | 'footers' | 'filters' | 'counts' | 'scan' | 'merge' | 'rest'
type BlockOutcome = keyof typeof outcomeNames

const outcomeNames = {
  outOfRange: 'out of range',
  otherStreams: 'other streams',
  deleted: 'deleted',
  filtered: 'filtered',
  counted: 'counted',
  fromCounts: 'from counts',
  beyondLimit: 'beyond limit',
  scanned: 'scanned',
}

/** A line of the table: its name, its value, and details. */
type Row = readonly [name: string, value: string, details?: string | undefined]

/** Returns the lines of the table. */
export function formatQueryStats({ summary, skald }: AnswerStats): string[] {
  const { execTime, totalBytesProcessed, totalLinesProcessed, totalPostFilterLines } = summary
  const lines = `${countText(totalPostFilterLines)} matched, ${formatLogqlBytes(totalBytesProcessed)}`
  const rows: Row[] = [
    ['time', secondsText(execTime), skald && scansText(skald)],
    ...(skald ? [...stepRows(skald), ...bucketRows(skald), ...blockRows(skald)] : []),
    ['lines', countText(totalLinesProcessed), lines],
  ]
  const names = Math.max(...rows.map(([name]) => name.length))
  const values = Math.max(...rows.map(([, value]) => value.length))
  return rows.map(([name, value, details = '']) =>
    `${name.padEnd(names)}  ${value.padStart(values)}  ${details}`.trimEnd(),
  )
}

function scansText({ scans, scansShared }: Explained): string {
  const text = countText(scans, 'scan')
  return scansShared > 0 ? `${text}, ${countText(scansShared)} shared with another query` : text
}

function stepRows(explained: Explained): Row[] {
  const { seconds, streams, segments, filters, counts, bytes, threads } = explained
  const details: Readonly<Record<Step, string>> = {
    streams: `${countText(streams, 'stream')}, ${countText(segments, 'segment')}`,
    footers: `${formatLogqlBytes(bytes.footersRead)} read`,
    filters:
      `${countText(filters.asked, 'block')} asked, ` +
      `${formatLogqlBytes(bytes.filtersRead)} read${damageText(filters)}`,
    counts: `${formatLogqlBytes(bytes.countsRead)} read${damageText(counts)}`,
    scan: cpuText(threads),
    merge: '',
    rest: '',
  }
  return Object.entries(details).map(([step, text]) => [
    `  ${step}`,
    secondsText(seconds[step as Step]),
    text,
  ])
}

/** A store without a bucket sends no requests. */
function bucketRows({ bucket: { requests, bytes } }: Explained): Row[] {
  if (requests === 0) return []
  return [['bucket', countText(requests), `reads, ${formatLogqlBytes(bytes)}`]]
}

function damageText({ damagedSegments }: { readonly damagedSegments: number }): string {
  return damagedSegments > 0 ? `, damaged in ${countText(damagedSegments, 'segment')}` : ''
}

function cpuText({ count, scanCpuSeconds, busiestScanCpuSeconds }: Explained['threads']): string {
  const cpu = `${countText(count, 'thread')}, ${secondsText(scanCpuSeconds)} of CPU`
  return count > 1 ? `${cpu}, ${secondsText(busiestScanCpuSeconds)} in the busiest` : cpu
}

function blockRows({ blocks, filters, counts, bytes }: Explained): Row[] {
  const total = Object.values(blocks).reduce((sum, count) => sum + count, 0)
  const details: Partial<Record<BlockOutcome, string>> = {
    filtered: countText(filters.falseHits, 'false hit'),
    fromCounts: `${countText(counts.segments, 'segment')} not opened at all`,
    scanned:
      `${formatLogqlBytes(bytes.blocksRead)} read, ` +
      `${formatLogqlBytes(bytes.decompressed)} decompressed`,
  }
  const rows = Object.entries(outcomeNames).map(([outcome, name]): Row => {
    const key = outcome as BlockOutcome
    return [`  ${name}`, countText(blocks[key]), details[key]]
  })
  return [['blocks', countText(total)], ...rows]
}

/** Formats a count, with a noun if there is one: `1 block`, `1,200 blocks`. */
function countText(count: number, noun?: string): string {
  const text = count.toLocaleString('en')
  if (noun === undefined) return text
  return `${text} ${noun}${count === 1 ? '' : 's'}`
}

/** Formats a time: `12.3ms`, `1.23s`. */
function secondsText(seconds: number): string {
  return seconds < 1 ? `${(seconds * 1000).toFixed(1)}ms` : `${seconds.toFixed(2)}s`
}
