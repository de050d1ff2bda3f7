// The rows of the scaled benchmark, next to their targets.

import type { QueryResult } from '../query.ts'
import { fixed, type Row } from '../table.ts'
import type { ColdNeedle, IngestCpu, ReplicaStarts, ScaledResult } from './bench.ts'
import { quantile } from './pushes.ts'

/** Speed of a replica's ingest relative to that of local files. */
const ingestRatioMin = 0.7
/** CPU of three replicas for a megabyte, relative to that of one. */
const growthMax = 1.1
const postgresShareMax = 0.05
const medianMsMax = 250
const p99MsMax = 600
const putsPerGigabyteMax = 260
const warmRatioMax = 1.1
const startMsMax = 5000
/** Bytes that one read of filters may bring. */
const readBytes = 8_000_000

/** Lists the figures. */
export function scaledRows(result: ScaledResult): Row[] {
  return [
    ...ingestRows(result),
    ...pushRows(result),
    ...warmRows(result.embeddedQueries, result.replicaQueries),
    coldRow(result.coldNeedle),
    ...startRows(result.starts),
  ]
}

const speedOf = ({ megabytes, pushSeconds }: IngestCpu) => megabytes / pushSeconds
const mergedSpeedOf = ({ megabytes, mergedSeconds }: IngestCpu) => megabytes / mergedSeconds
const speedText = (cpu: IngestCpu) =>
  `${fixed(speedOf(cpu))} MB/CPU-s, ${fixed(mergedSpeedOf(cpu))} with all merges`

function ingestRows({ embedded, one, oneShare, three }: ScaledResult): Row[] {
  const ratio = speedOf(one) / speedOf(embedded)
  // Each of the three has taken as much as this one, and has started its threads for it. Merges count: some run before the
  // last answer and some after it, in each run others.
  const growth = mergedSpeedOf(oneShare) / mergedSpeedOf(three)
  const pushGrowth = speedOf(oneShare) / speedOf(three)
  const postgres = three.postgresSeconds / (three.pushSeconds + three.postgresSeconds)
  return [
    { figure: 'ingest, local files', value: speedText(embedded) },
    {
      figure: 'ingest, one replica',
      value: speedText(one),
      limit: `${fixed(speedOf(embedded))} MB/CPU-s`,
      ratio: ratio.toFixed(2),
      target: `>= ${ingestRatioMin}`,
      isMet: ratio >= ingestRatioMin,
    },
    { figure: 'ingest at a steady rate, one replica', value: speedText(oneShare) },
    {
      figure: 'the same, three replicas',
      value: speedText(three),
      limit: `${fixed(speedOf(oneShare))} MB/CPU-s`,
      ratio: pushGrowth.toFixed(2),
    },
    {
      figure: 'three replicas: CPU for a MB with all merges',
      value: `${(1000 / mergedSpeedOf(three)).toFixed(0)} ms`,
      limit: `${(1000 / mergedSpeedOf(oneShare)).toFixed(0)} ms`,
      ratio: growth.toFixed(2),
      target: `<= ${growthMax}`,
      isMet: growth <= growthMax,
    },
    {
      figure: 'CPU of PostgreSQL, three replicas',
      value: `${three.postgresSeconds.toFixed(2)} s`,
      limit: `${(three.pushSeconds + three.postgresSeconds).toFixed(2)} s`,
      ratio: postgres.toFixed(3),
      target: `<= ${postgresShareMax}`,
      isMet: postgres <= postgresShareMax,
    },
  ]
}

function pushRows({ slow, away, fast, lostLines, putsPerGigabyte }: ScaledResult): Row[] {
  const median = quantile(slow.acceptedMs, 0.5)
  const p99 = quantile(slow.acceptedMs, 0.99)
  const isRefused = away.otherCount === 0 && away.refusedCount > 0 && lostLines === 0
  return [
    {
      figure: 'push with a PUT of 40 to 80 ms, median',
      value: `${fixed(median)} ms`,
      target: `<= ${medianMsMax} ms`,
      isMet: median <= medianMsMax,
    },
    {
      figure: 'the same, p99',
      value: `${fixed(p99)} ms`,
      target: `<= ${p99MsMax} ms`,
      isMet: p99 <= p99MsMax,
    },
    {
      figure: 'pushes while the bucket is away for 10 s',
      value: `${away.acceptedMs.length} accepted, ${away.refusedCount} answered 503, ${away.otherCount} otherwise; ${lostLines} lines lost`,
      target: '503, 0 lost',
      isMet: isRefused,
    },
    {
      figure: 'PUTs for a GB of lines at 20 MB/s',
      value: `${fixed(putsPerGigabyte)} in ${fast.seconds.toFixed(1)} s`,
      target: `<= ${putsPerGigabyteMax}`,
      isMet: putsPerGigabyte <= putsPerGigabyteMax,
    },
  ]
}

function warmRows(embedded: readonly QueryResult[], replica: readonly QueryResult[]): Row[] {
  const sumOf = (results: readonly QueryResult[]) =>
    results.reduce((sum, { cpuMs }) => sum + (cpuMs?.median ?? 0), 0)
  const ratio = sumOf(replica) / sumOf(embedded)
  const waits = replica.map(({ wallMs }, i) => wallMs.min - embedded[i]!.wallMs.min)
  return [
    {
      figure: 'warm queries, CPU of all medians',
      value: `${fixed(sumOf(replica))} ms`,
      limit: `${fixed(sumOf(embedded))} ms`,
      ratio: ratio.toFixed(2),
      target: `<= ${warmRatioMax}`,
      isMet: ratio <= warmRatioMax,
    },
    {
      figure: 'the same, longer by (median of the fastest runs)',
      value: `${quantile(
        waits.toSorted((a, b) => a - b),
        0.5,
      ).toFixed(1)} ms`,
    },
  ]
}

function coldRow(cold: ColdNeedle): Row {
  const { lineGigabytes, segmentCount, storedBytes, requests, bytes, blocksScanned } = cold
  // A footer each, all of the rest in reads of 8 MB, and what is opened in vain.
  const most = segmentCount + Math.ceil(bytes / readBytes) + blocksScanned
  const each = (requests - blocksScanned) / segmentCount
  return {
    figure: `cold search over ${fixed(lineGigabytes)} GB of lines`,
    value: `${requests} GET, ${fixed(bytes / 1e6)} MB of ${fixed(storedBytes / 1e6)} in ${segmentCount} segments, ${each.toFixed(2)} each`,
    target: `<= ${most}`,
    isMet: requests <= most,
  }
}

function startRows({
  streamCount,
  segmentCount,
  withOwnCopyMs,
  fromBucketMs,
}: ReplicaStarts): Row[] {
  const of = `${streamCount / 1000}k streams and ${segmentCount / 1000}k segments`
  const row = (figure: string, ms: number): Row => ({
    figure,
    value: `${(ms / 1000).toFixed(2)} s`,
    target: `<= ${startMsMax / 1000} s`,
    isMet: ms <= startMsMax,
  })
  return [
    row(`start of a replica with ${of}`, withOwnCopyMs),
    row('the same with an empty disk', fromBucketMs),
  ]
}
