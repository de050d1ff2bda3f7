// The rows of each report, next to the project's targets.

import { execFileSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'
import { rootDir } from '../e2e/skald-process.ts'
import type { AgentFigures } from './agent.ts'
import type { CatalogResult } from './catalog.ts'
import type { ColdOutcome } from './cold.ts'
import type { ContentionResult, PushTimes } from './contention.ts'
import type { IngestResult } from './ingest.ts'
import type { IngestLimit } from './limits.ts'
import type { QueryResult } from './query.ts'
import type { StageResult } from './stages.ts'
import { fixed, type Row } from './table.ts'

/** The machine and versions of a measurement. */
export interface Machine {
  readonly cpu: string
  readonly coreCount: number
  readonly memoryGb: number
  readonly node: string
  readonly commit: string
  readonly date: string
}

/** Describes this machine and the current commit, with `+` if the tree has changes. */
export function describeMachine(): Machine {
  const [first] = cpus()
  return {
    cpu: first?.model.trim() ?? 'unknown',
    coreCount: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    commit: git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') ? '+' : ''),
    date: new Date().toISOString(),
  }
}

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { cwd: rootDir, encoding: 'utf8' }).trim()
  } catch {
    // A tree without git (an unpacked archive) has no commit.
    return ''
  }
}

const ingestRatioMin = 0.35
const peakRssMbMax = 300
/** 85 MB on disk for 335 MB of lines. */
const diskRatioMax = 85 / 335
const readyMsMax = 1000
/** Time of pushes under load, relative to pushes alone. */
const contentionRatioMax = 2
/** Size for which the absolute targets apply. */
const targetMegabytes = 335

/** Lists the figures of an ingest run. */
export function ingestRows(result: IngestResult, limit: IngestLimit): Row[] {
  const megabytes = result.lineBytes / 1e6
  const limitSeconds = limit.snappySeconds + limit.zstdSeconds
  const limitRate = megabytes / limitSeconds
  // In a small run, starting the compaction thread takes longer than its work.
  const isFullSize = Math.round(megabytes) >= targetMegabytes
  const rows: Row[] = [
    { figure: 'limit: snappy decode', value: `${fixed(megabytes / limit.snappySeconds)} MB/CPU-s` },
    { figure: 'limit: zstd level 1', value: `${fixed(megabytes / limit.zstdSeconds)} MB/CPU-s` },
  ]
  if (result.cpuSeconds !== undefined && result.pushCpuSeconds !== undefined) {
    const rate = megabytes / result.pushCpuSeconds
    const wholeRate = megabytes / result.cpuSeconds
    rows.push({
      figure: 'ingest to the synced answer',
      value: `${fixed(rate)} MB/CPU-s`,
      limit: `${fixed(limitRate)} MB/CPU-s`,
      ratio: (rate / limitRate).toFixed(3),
      ...(isFullSize && {
        target: `>= ${ingestRatioMin}`,
        isMet: rate / limitRate >= ingestRatioMin,
      }),
    })
    rows.push({
      figure: 'ingest with all compaction',
      value: `${fixed(wholeRate)} MB/CPU-s`,
      limit: `${fixed(limitRate)} MB/CPU-s`,
      ratio: (wholeRate / limitRate).toFixed(3),
    })
    rows.push({
      figure: 'CPU to the last answer',
      value: `${result.pushCpuSeconds.toFixed(2)} s`,
    })
    rows.push({ figure: 'CPU with compaction', value: `${result.cpuSeconds.toFixed(2)} s` })
  }
  if (result.idleCpuMsPerSecond !== undefined) {
    rows.push({ figure: 'CPU of an idle second', value: `${fixed(result.idleCpuMsPerSecond)} ms` })
  }
  rows.push({
    figure: 'wall to the last answer',
    value: `${result.wallSeconds.toFixed(2)} s`,
    limit: `${fixed(megabytes / result.wallSeconds)} MB/s`,
  })
  if (result.peakRssBytes !== undefined) {
    const peakRssMb = result.peakRssBytes / 1e6
    rows.push({
      figure: 'peak RSS',
      value: `${fixed(peakRssMb)} MB`,
      target: `< ${peakRssMbMax} MB`,
      isMet: peakRssMb < peakRssMbMax,
    })
  }
  if (result.diskBytes !== undefined) {
    const diskMbMax = megabytes * diskRatioMax
    rows.push({
      figure: 'disk after compaction',
      value: `${(result.diskBytes / 1e6).toFixed(1)} MB`,
      limit: `${(limit.zstdBytes / 1e6).toFixed(1)} MB`,
      ratio: (result.diskBytes / limit.zstdBytes).toFixed(2),
      ...(isFullSize && {
        target: `<= ${diskMbMax.toFixed(1)} MB`,
        isMet: result.diskBytes / 1e6 <= diskMbMax,
      }),
    })
  }
  rows.push({ figure: 'pushes', value: `${result.pushCount}` })
  rows.push({ figure: 'pushes sent again', value: `${result.retryCount}` })
  return rows
}

/** Lists the figures of the queries. */
export function queryRows(
  results: readonly QueryResult[],
  fullReadMs: number,
  megabytes: number,
): Row[] {
  return results.map(result => {
    const { cpuMs, wallMs } = result
    const wall = `wall ${fixed(wallMs.median)} ms`
    if (!cpuMs) return { figure: result.name, value: wall }
    const row = {
      figure: result.name,
      value: `${fixed(cpuMs.median)} (${fixed(cpuMs.min)}-${fixed(cpuMs.max)}) ms CPU, ${wall}`,
    }
    if (result.shareMax !== undefined) {
      const ratio = cpuMs.median / fullReadMs
      return {
        ...row,
        limit: `${fixed(fullReadMs)} ms CPU`,
        ratio: ratio.toFixed(3),
        target: `<= ${result.shareMax}`,
        isMet: ratio <= result.shareMax,
      }
    }
    const { cpuMsMax } = result
    if (cpuMsMax !== undefined && megabytes >= targetMegabytes) {
      return { ...row, target: `<= ${cpuMsMax} ms`, isMet: cpuMs.median <= cpuMsMax }
    }
    return result.scanned && result.target ? { ...row, ...speedOf(result, cpuMs.median) } : row
  })
}

function speedOf({ scanned, target }: QueryResult, cpuMs: number): Partial<Row> {
  const { unit, perCpuSecond } = target!
  const speed = ((unit === 'lines' ? scanned!.lineCount : scanned!.lineBytes) * 1000) / cpuMs
  const format = (value: number) =>
    unit === 'lines' ? `${(value / 1e6).toFixed(2)} M lines` : `${fixed(value / 1e6)} MB`
  return {
    limit: `${format(speed)}/CPU-s`,
    target: `>= ${format(perCpuSecond)}`,
    isMet: speed >= perCpuSecond,
  }
}

/** Lists how queries and slow clients affected pushes. */
export function contentionRows(result: ContentionResult): Row[] {
  const { alone, besideQueries, besideSlowClients, queriesAnswered, queriesRefused } = result
  const times = ({ median, p99, max }: PushTimes) =>
    `median ${fixed(median)}, p99 ${fixed(p99)}, max ${fixed(max)} ms`
  const ratio = besideQueries.p99 / alone.p99
  const slowRatio = besideSlowClients.median / alone.median
  const refused = Object.entries(queriesRefused).map(([status, count]) => `${count} x ${status}`)
  return [
    { figure: 'push alone', value: times(alone) },
    {
      figure: `push with ${result.queryClients} queries`,
      value: times(besideQueries),
      limit: `p99 ${fixed(alone.p99)} ms`,
      ratio: ratio.toFixed(2),
      target: `<= ${contentionRatioMax}`,
      isMet: ratio <= contentionRatioMax,
    },
    { figure: 'queries answered', value: String(queriesAnswered) },
    { figure: 'queries rejected', value: refused.join(', ') || '0' },
    {
      figure: `push with ${result.slowClients} slow clients`,
      value: times(besideSlowClients),
      limit: `median ${fixed(alone.median)} ms`,
      ratio: slowRatio.toFixed(2),
      target: `<= ${contentionRatioMax}`,
      isMet: slowRatio <= contentionRatioMax,
    },
  ]
}

/** Times of starts, by the kind of stop before them. */
export type StartTimes = Record<string, { readonly readyMs: number; readonly readyCpuMs: number }>

/** Lists the times of starts. */
export function startRows(starts: Readonly<StartTimes>): Row[] {
  return Object.entries(starts).map(([figure, { readyMs, readyCpuMs }]) => ({
    figure,
    value: `${fixed(readyMs)} ms, ${fixed(readyCpuMs)} ms CPU`,
    target: `< ${readyMsMax} ms`,
    isMet: readyMs < readyMsMax,
  }))
}

/** Lists the query with a cold cache, if there is one. */
export function coldRows(figure: string, cold: ColdOutcome): Row[] {
  if ('leftOut' in cold) return []
  const { wallMs, cpuMs, readBytes } = cold
  const read = `${(readBytes.median / 1e6).toFixed(1)} MB from the disk`
  return [
    { figure, value: `${fixed(cpuMs.median)} ms CPU, wall ${fixed(wallMs.median)} ms, ${read}` },
  ]
}

const catalogRssMbMax = 400

/** Lists what very many streams cost. */
export function catalogRows(result: CatalogResult): Row[] {
  const { streamCount, entryCount, pushSeconds, cpuSeconds } = result
  const rss = (figure: string, bytes: number): Row => ({
    figure,
    value: `${fixed(bytes / 1e6)} MB`,
    target: `< ${catalogRssMbMax} MB`,
    isMet: bytes / 1e6 < catalogRssMbMax,
  })
  return [
    { figure: 'streams', value: streamCount.toLocaleString('en') },
    { figure: 'entries', value: entryCount.toLocaleString('en') },
    { figure: 'wall to the last answer', value: `${pushSeconds.toFixed(1)} s` },
    { figure: 'CPU with compaction', value: `${cpuSeconds.toFixed(1)} s` },
    rss('peak RSS of ingest and compaction', result.peakRssBytes),
    ...result.answers.map(({ name, wallMs, cpuMs, wallMsMax }) => ({
      figure: name,
      value: `wall ${fixed(wallMs.median)} (${fixed(wallMs.min)}-${fixed(wallMs.max)}) ms, ${fixed(cpuMs.median)} ms CPU`,
      ...(wallMsMax !== undefined && {
        target: `< ${wallMsMax} ms`,
        isMet: wallMs.median < wallMsMax,
      }),
    })),
    rss('peak RSS after all questions', result.lastRssBytes),
  ]
}

const agentRssMbMax = 95
const idleCpuPercentMax = 1

/** Lists the figures of agents. Targets apply to Skald's. */
export function agentRows(figures: readonly AgentFigures[]): Row[] {
  return figures.flatMap(({ agent, load, ...result }): Row[] => {
    const isOurs = agent === 'skald'
    const rssMb = result.peakRssBytes / 1e6
    const percent = (result.cpuSeconds / result.wallSeconds) * 100
    const isIdle = load === 'idle files'
    // Lines that did not arrive do not count as work.
    const deliveredCount = result.lineCount - Math.max(0, result.missingCount)
    const cpu: Row = isIdle
      ? {
          figure: `${agent}, ${load}: CPU of a core`,
          value: `${percent.toFixed(2)} %`,
          ...(isOurs && {
            target: `< ${idleCpuPercentMax} %`,
            isMet: percent < idleCpuPercentMax,
          }),
        }
      : {
          figure: `${agent}, ${load}: lines per CPU-second`,
          value: Math.round(deliveredCount / result.cpuSeconds).toLocaleString('en'),
        }
    const rss: Row = {
      figure: `${agent}, ${load}: peak RSS`,
      value: `${fixed(rssMb)} MB`,
      ...(isOurs && { target: `< ${agentRssMbMax} MB`, isMet: rssMb < agentRssMbMax }),
    }
    const lost: Row = {
      figure: `${agent}, ${load}: lines missing`,
      value: String(result.missingCount),
      ...(isOurs && { target: '0', isMet: result.missingCount === 0 }),
    }
    return [cpu, rss, lost]
  })
}

/** Lists lines per CPU-second of stages, and how many times as fast they are as another checkout. */
export function stageRows(results: readonly StageResult[]): Row[] {
  return results.map(({ name, lineCount, cpuSeconds, otherSeconds }) => {
    const speed = (seconds: number) => `${(lineCount / seconds / 1e6).toFixed(2)} M lines/CPU-s`
    const row = { figure: name, value: speed(cpuSeconds) }
    if (otherSeconds === undefined) return row
    return { ...row, limit: speed(otherSeconds), ratio: (otherSeconds / cpuSeconds).toFixed(2) }
  })
}
