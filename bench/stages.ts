// npm run bench -- stages: the CPU of stages and aggregations alone, in this process. With `--base DIR`
// each query also runs in the code of another checkout, in turn, so both see the same machine.

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type * as Query from '@skald/query'
import type { BlockView, Leaf, LeafResult, QueryRequest } from '@skald/query'
import { defaultQueryLimits } from '@skald/query'
import { measureCpuSeconds } from './cpu.ts'
import {
  createPodBlocks,
  createStageBlocks,
  type StageKind,
  scanStageBlocks,
  stageEndNs,
  stageStartNs,
} from './stage-blocks.ts'

/** What one query costs. */
export interface StageResult {
  readonly name: string
  readonly lineCount: number
  /** Least CPU of several runs, in seconds. */
  readonly cpuSeconds: number
  /** The same in the other checkout. */
  readonly otherSeconds: number | undefined
}

interface StageQuery {
  readonly name: string
  readonly kind: StageKind | 'pods'
  readonly logql: string
  readonly isInstant?: true
  readonly limit?: number
}

const nginxPattern = '`<ip> - - [<_>] "<method> <path> <_>" <status> <bytes> <_>`'
const nginxRegexp = '`"(?P<method>[A-Z]+) (?P<path>\\S+) [^"]*" (?P<status>\\d{3}) `'
const few = '{kind="few"} | logfmt | unwrap duration(duration) [1m]'

const queries: readonly StageQuery[] = [
  {
    name: 'json, status>=500',
    kind: 'json',
    logql: 'sum(count_over_time({kind="json"} | json | status>=500 [1m]))',
  },
  {
    name: 'json, sum by level',
    kind: 'json',
    logql: 'sum by (level) (count_over_time({kind="json"} | json [1m]))',
  },
  {
    name: 'logfmt, quantile by label',
    kind: 'logfmt',
    logql:
      'quantile_over_time(0.99, {kind="logfmt"} | logfmt | unwrap duration(duration) [1m]) by (component)',
  },
  {
    name: 'logfmt, sum by level',
    kind: 'logfmt',
    logql: 'sum by (level) (count_over_time({kind="logfmt"} | logfmt [1m]))',
  },
  {
    name: 'pattern, count by status',
    kind: 'nginx',
    logql: `sum by (status) (count_over_time({kind="nginx"} | pattern ${nginxPattern} [1m]))`,
  },
  {
    name: 'regexp, count by status',
    kind: 'nginx',
    logql: `sum by (status) (count_over_time({kind="nginx"} | regexp ${nginxRegexp} [1m]))`,
  },
  { name: 'ungrouped logfmt and unwrap', kind: 'few', logql: `avg_over_time(${few})` },
  { name: 'topk of ungrouped', kind: 'few', logql: `topk(5, avg_over_time(${few}))` },
  { name: 'quantile by many groups', kind: 'few', logql: `quantile_over_time(0.9, ${few})` },
  {
    name: 'json, all labels, last filter',
    kind: 'json',
    logql: '{kind="json"} | json | status="none"',
  },
  {
    name: 'json, all labels of 100 lines',
    kind: 'json',
    logql: '{kind="json"} | json',
    limit: 100,
  },
  {
    name: 'json, all labels of all lines',
    kind: 'json',
    logql: '{kind="json"} | json | user_id != "" ',
    limit: 5000,
  },
  {
    name: 'line_format, filter',
    kind: 'logfmt',
    logql: '{kind="logfmt"} | logfmt | line_format "{{.level}} {{.msg}} {{.duration}}" |= "none"',
  },
  {
    name: 'label_format, count by label',
    kind: 'logfmt',
    logql:
      'sum by (what) (count_over_time({kind="logfmt"} | logfmt | label_format what="{{.level}}-{{.component}}" [1m]))',
  },
  {
    name: 'label_format renames, count',
    kind: 'logfmt',
    logql:
      'sum by (what) (count_over_time({kind="logfmt"} | logfmt | label_format what=component [1m]))',
  },
  {
    name: 'sum by (pod) over 50,000 pods',
    kind: 'pods',
    logql: 'sum by (pod) (count_over_time({kind="pods"}[1h]))',
    isInstant: true,
  },
  {
    name: 'topk over 50,000 pods',
    kind: 'pods',
    logql: 'topk(10, sum by (pod) (count_over_time({kind="pods"}[1h])))',
    isInstant: true,
  },
  {
    name: 'topk at 60 steps over 50,000 pods',
    kind: 'pods',
    logql: 'topk(10, sum by (pod) (count_over_time({kind="pods"}[2m])))',
  },
  {
    name: 'sort over 50,000 pods',
    kind: 'pods',
    logql: 'sort(sum by (pod) (count_over_time({kind="pods"}[1h])))',
    isInstant: true,
  },
  { name: 'first 100 of 50,000 pods', kind: 'pods', logql: '{kind="pods"}', limit: 100 },
]

/** As in segments. */
const levelOne = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
const podCount = 50_000
const seriesMax = 200_000

/** The options of a run. */
export interface StageOptions {
  /** Millions of bytes of lines of each kind. */
  readonly megabytes: number
  readonly repetitions: number
  /** Another checkout to compare with. */
  readonly base: string | undefined
  /** Part of the names of the queries to run. */
  readonly only: string | undefined
}

/** Runs all queries. */
export async function runStages(options: StageOptions): Promise<StageResult[]> {
  const { repetitions, base, only } = options
  const own = await import('@skald/query')
  const other = base === undefined ? undefined : await loadCheckout(base)
  const blocks = new Map<string, BlockView[]>()
  const blocksOf = (kind: StageQuery['kind']) => {
    const known = blocks.get(kind)
    if (known) return known
    const made =
      kind === 'pods' ? createPodBlocks(podCount) : createStageBlocks(kind, options.megabytes * 1e6)
    blocks.set(kind, made)
    return made
  }
  const results: StageResult[] = []
  for (const query of queries) {
    if (only !== undefined && !query.name.includes(only)) continue
    const read = blocksOf(query.kind)
    const lineCount = read.reduce((sum, block) => sum + block.rowCount, 0)
    let cpuSeconds = Number.POSITIVE_INFINITY
    let otherSeconds = Number.POSITIVE_INFINITY
    for (let i = 0; i < repetitions; i++) {
      cpuSeconds = Math.min(cpuSeconds, await measureQuery(own, query, read))
      if (other) otherSeconds = Math.min(otherSeconds, await measureQuery(other, query, read))
    }
    results.push({
      name: query.name,
      lineCount,
      cpuSeconds,
      otherSeconds: other ? otherSeconds : undefined,
    })
  }
  return results
}

/** Measures decompressing the lines of a kind: the part that every stage adds to. */
export function measureReading(kind: StageKind, megabytes: number): StageResult {
  const blocks = createStageBlocks(kind, megabytes * 1e6)
  const pieces = blocks.map(block => zstdCompressSync(block.lines().bytes, levelOne))
  const lineCount = blocks.reduce((sum, block) => sum + block.rowCount, 0)
  const runs = Array.from({ length: 5 }, () =>
    measureCpuSeconds(() => {
      for (const [i, piece] of pieces.entries()) {
        zstdDecompressSync(piece, { chunkSize: blocks[i]!.lines().bytes.length })
      }
    }),
  )
  return {
    name: `reading ${kind}`,
    lineCount,
    cpuSeconds: Math.min(...runs),
    otherSeconds: undefined,
  }
}

async function loadCheckout(dir: string): Promise<typeof Query> {
  const file = join(resolve(dir), 'packages/query/src/index.ts')
  if (!existsSync(file)) throw new TypeError(`--base: ${file} does not exist`)
  return (await import(pathToFileURL(file).href)) as typeof Query
}

async function measureQuery(
  code: typeof Query,
  query: StageQuery,
  blocks: readonly BlockView[],
): Promise<number> {
  const source = {
    select: async (leaf: Leaf): Promise<LeafResult> => {
      const scanner = code.openLeafScanner(leaf, () => stageEndNs)
      scanStageBlocks(scanner, leaf, blocks)
      return code.mergeLeafResults(leaf, [scanner.finish()])
    },
  }
  const before = process.cpuUsage()
  await code.runQuery(requestOf(query), source, new AbortController().signal)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

function requestOf({ logql, isInstant, limit }: StageQuery): QueryRequest {
  return {
    logql,
    startNs: stageStartNs,
    endNs: stageEndNs,
    stepNs: 60_000_000_000n,
    intervalNs: 0n,
    limit: limit ?? 1000,
    direction: 'backward',
    isInstant: isInstant ?? false,
    limits: { ...defaultQueryLimits, maxQuerySeries: seriesMax },
  }
}
