// The rows of the comparison: each with every contender's figure, the target for Skald's, and
// whether it is met. A row whose answers disagree has failed, whatever it cost.

import type { IngestLimit } from '../limits.ts'
import { fixed } from '../table.ts'
import type { ContenderName } from './contenders.ts'
import type { ContenderResult } from './measure.ts'

/** One figure of all contenders. */
export interface CompareRow {
  readonly figure: string
  readonly unit: 'CPU-s' | 'ms CPU' | 'ms' | 'MB'
  /** Absent where there is no figure. */
  readonly values: Readonly<Partial<Record<ContenderName, number>>>
  /** Why the row has failed. */
  readonly failure?: string
  /** What Skald's figure shall be. */
  readonly target?: string
  /** Present with a target, unless the row has failed. */
  readonly isMet?: boolean
}

/** Limits measured in the same run. */
export interface CompareLimits {
  readonly ingest: IngestLimit
  readonly fullReadMs: number
  readonly tracedFullReadMs: number
}

/** What the rows are made from. */
export interface CompareFigures {
  readonly results: readonly ContenderResult[]
  /** Question → how answers disagree. */
  readonly disagreements: Readonly<Record<string, string>>
  readonly limits: CompareLimits
  readonly megabytes: number
  /** Lines that the logfmt question reads. */
  readonly logfmtLineCount: number
}

/** Sizes for which the targets apply: in smaller runs, fixed costs weigh more. */
const targetMegabytes = 335
const largeMegabytes = 5000
const ingestRatioMin = 0.45
const ingestPeakMbMax = 280
const queryPeakMbMax = 300
const diskRatioMax = 85 / 335
const needleShareMax = 1 / 20
const regexShareMax = 1 / 10
const needleRivalMax = 3
const volumeCpuMsMax = 60
const logfmtLinesPerCpuSecond = 1.5e6
const readyMsMax = 1000

/** A target and whether it is met. */
interface Verdict {
  readonly target: string
  readonly isMet: boolean
}

/** Lists all rows. */
export function compareRows(figures: CompareFigures): CompareRow[] {
  return [...ingestRows(figures), ...questionRows(figures), ...startRows(figures)]
}

function ingestRows({ results, limits, megabytes }: CompareFigures): CompareRow[] {
  const isFullSize = megabytes >= targetMegabytes
  const values = (read: (result: ContenderResult) => number | undefined) => valuesOf(results, read)
  const mb = (bytes: number | undefined) => (bytes === undefined ? undefined : bytes / 1e6)
  const settled = values(({ ingest }) => ingest.cpuSeconds)
  const limitSeconds = limits.ingest.snappySeconds + limits.ingest.zstdSeconds
  const peak = values(({ ingestPeakBytes }) => mb(ingestPeakBytes))
  const queryPeak = values(({ queryPeakBytes }) => mb(queryPeakBytes))
  const disk = values(({ ingest }) => mb(ingest.diskBytes))
  return [
    {
      ...{ figure: 'ingest to the last answer', unit: 'CPU-s' },
      values: values(({ ingest }) => ingest.pushCpuSeconds),
    },
    {
      ...{ figure: 'ingest with all compaction', unit: 'CPU-s', values: settled },
      ...verdictOf(isFullSize, settled.Skald, seconds => ({
        target: `at most ${fixed(limitSeconds / ingestRatioMin)}: ${ingestRatioMin} of the limit`,
        isMet: limitSeconds / seconds >= ingestRatioMin,
      })),
    },
    {
      ...{ figure: 'peak memory at ingest', unit: 'MB', values: peak },
      ...verdictOf(isFullSize, peak.Skald, value => atMost(value, ingestPeakMbMax)),
    },
    {
      ...{ figure: 'peak memory after queries', unit: 'MB', values: queryPeak },
      ...verdictOf(isFullSize, queryPeak.Skald, value => atMost(value, queryPeakMbMax)),
    },
    {
      ...{ figure: 'disk', unit: 'MB', values: disk },
      ...verdictOf(isFullSize, disk.Skald, value =>
        atMost(value, Math.round(megabytes * diskRatioMax)),
      ),
    },
  ]
}

function questionRows(figures: CompareFigures): CompareRow[] {
  const { results, disagreements, megabytes } = figures
  const names = results[0]?.costs.map(({ name }) => name) ?? []
  return names.map((name): CompareRow => {
    const values = cpuOf(results, name)
    const failure = disagreements[name]
    const row: CompareRow = { figure: name, unit: 'ms CPU', values }
    if (failure !== undefined) return { ...row, failure }
    const isFullSize = megabytes >= targetMegabytes
    return { ...row, ...verdictOf(isFullSize, values.Skald, ours => judge(name, ours, figures)) }
  })
}

/** Returns the target of a question's CPU, if it has one. */
function judge(name: string, ours: number, figures: CompareFigures): Verdict | undefined {
  const { results, limits, megabytes, logfmtLineCount } = figures
  const rival = cpuOf(results, name).VictoriaLogs
  switch (name) {
    case 'needle that occurs once':
    case 'needle in a JSON field':
      return both(
        [atMost(ours, limits.fullReadMs * needleShareMax, 'a twentieth of a full read')],
        againstRival(ours, rival, needleRivalMax),
        megabytes >= largeMegabytes ? againstRivalWall(name, results) : undefined,
      )
    case 'id in structured metadata':
      return both(
        [atMost(ours, limits.tracedFullReadMs * needleShareMax, 'a twentieth of a full read')],
        againstRival(ours, rival, needleRivalMax),
      )
    case 'needle that is not there': {
      const found = cpuOf(results, 'needle that occurs once').Skald ?? 0
      return { target: `below ${fixed(found)}: the needle that occurs`, isMet: ours < found }
    }
    case 'regex with a literal':
      return atMost(ours, limits.fullReadMs * regexShareMax, 'a tenth of a full read')
    case 'count of a frequent word by app':
      return rival === undefined
        ? undefined
        : { target: `below ${fixed(rival)}: VictoriaLogs`, isMet: ours < rival }
    case 'volume by level':
      return megabytes < largeMegabytes
        ? { target: `below ${volumeCpuMsMax}`, isMet: ours < volumeCpuMsMax }
        : undefined
    case 'logfmt quantile by caller': {
      const cpuMsMax = (logfmtLineCount / logfmtLinesPerCpuSecond) * 1000
      return atMost(ours, cpuMsMax, `${logfmtLinesPerCpuSecond / 1e6} million lines per CPU-second`)
    }
    default:
      return undefined
  }
}

function againstRival(ours: number, rival: number | undefined, times: number): Verdict[] {
  return rival === undefined ? [] : [atMost(ours, rival * times, `${times} times VictoriaLogs`)]
}

function againstRivalWall(name: string, results: readonly ContenderResult[]): Verdict[] {
  const wall = valuesOf(
    results,
    ({ costs }) => costs.find(cost => cost.name === name)?.wallMs.median,
  )
  if (wall.Skald === undefined || wall.VictoriaLogs === undefined) return []
  return [
    {
      target: `wall ${fixed(wall.Skald)} at most ${fixed(wall.VictoriaLogs)} ms: VictoriaLogs`,
      isMet: wall.Skald <= wall.VictoriaLogs,
    },
  ]
}

function both(...verdicts: readonly (readonly Verdict[] | undefined)[]): Verdict {
  const all = verdicts.flatMap(list => list ?? [])
  return {
    target: all.map(({ target }) => target).join(', and '),
    isMet: all.every(({ isMet }) => isMet),
  }
}

function atMost(value: number, max: number, reason?: string): Verdict {
  const target = `at most ${fixed(max)}`
  return { target: reason === undefined ? target : `${target}: ${reason}`, isMet: value <= max }
}

function startRows({ results, megabytes }: CompareFigures): CompareRow[] {
  const ready = valuesOf(results, ({ readyMs }) => readyMs)
  const cold = (read: (result: ContenderResult) => number | undefined) => valuesOf(results, read)
  const rows: CompareRow[] = [
    {
      ...{ figure: 'ready after kill -9', unit: 'ms', values: ready },
      ...verdictOf(megabytes >= targetMegabytes, ready.Skald, value => ({
        target: `below ${readyMsMax}`,
        isMet: value < readyMsMax,
      })),
    },
    {
      ...{ figure: 'needle, cold cache', unit: 'ms CPU' },
      values: cold(result => ('leftOut' in result.cold ? undefined : result.cold.cpuMs.median)),
    },
    {
      ...{ figure: 'needle, cold cache: wall time', unit: 'ms' },
      values: cold(result => ('leftOut' in result.cold ? undefined : result.cold.wallMs.median)),
    },
    {
      ...{ figure: 'needle, cold cache: disk reads', unit: 'MB' },
      values: cold(({ cold: outcome }) =>
        'leftOut' in outcome ? undefined : outcome.readBytes.median / 1e6,
      ),
    },
  ]
  return rows.filter(({ values }) => Object.keys(values).length > 0)
}

function verdictOf(
  isFullSize: boolean,
  ours: number | undefined,
  judgeIt: (ours: number) => Verdict | undefined,
): Partial<Verdict> {
  return (isFullSize && ours !== undefined && judgeIt(ours)) || {}
}

function cpuOf(results: readonly ContenderResult[], name: string): CompareRow['values'] {
  return valuesOf(results, ({ costs, problems }) =>
    problems[name] === undefined ? costs.find(cost => cost.name === name)?.cpuMs.median : undefined,
  )
}

function valuesOf(
  results: readonly ContenderResult[],
  read: (result: ContenderResult) => number | undefined,
): CompareRow['values'] {
  const values: Partial<Record<ContenderName, number>> = {}
  for (const result of results) {
    const value = read(result)
    if (value !== undefined) values[result.name] = value
  }
  return values
}
