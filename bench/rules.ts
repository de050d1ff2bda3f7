// Measures 2,000 rules in 200 groups at one minute over the load: what they cost the store, and how late they are.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readCpuSeconds } from './cpu.ts'
import type { WorkloadSummary } from './generator.ts'
import { HttpClient, type StoreServer } from './server.ts'
import type { Row } from './table.ts'

const groupCount = 200
const rulesPerGroup = 10
const intervalMs = 60_000
/** Queries of rules lie before the end of the load, so that they have lines while the benchmark runs. */
const beforeEndMs = 20 * 60_000
/** Share of a core that rules may take if none of them parses lines. */
const coreShareMax = 0.1

/** What rules cost, and how late they are. */
export interface RulesResult {
  readonly ruleCount: number
  readonly groupCount: number
  /** CPU of the store for each second, with and without rules. */
  readonly cpuShare: number
  readonly idleShare: number
  /** How long after its moment a group began, in milliseconds. */
  readonly lateMs: { readonly median: number; readonly worst: number }
  /** How long a group took, in milliseconds. */
  readonly groupMs: { readonly median: number; readonly worst: number }
  readonly failures: number
}

/** Writes the rules below a directory: each asks about one app, and compares with a different threshold. */
export function writeRules(
  directory: string,
  load: Pick<WorkloadSummary, 'streams' | 'endMs'>,
): void {
  const apps = [
    ...new Set(
      load.streams.map(({ labels }) => labels.find(({ name }) => name === 'app')?.value ?? ''),
    ),
  ].filter(app => app !== '')
  const offsetMs = Math.max(0, Date.now() - (load.endMs - beforeEndMs))
  mkdirSync(join(directory, 'fake'), { recursive: true })
  for (let group = 0; group < groupCount; group++) {
    const rules = Array.from({ length: rulesPerGroup }, (_, i) => {
      const app = apps[(group * 3 + i) % apps.length]
      const filter = i % 2 === 0 ? '' : ' |= "error"'
      return `      - alert: Rule${i}\n        expr: 'sum by (app) (count_over_time({app="${app}"}${filter} [5m])) > ${1e6 + i}'\n`
    })
    const head = `groups:\n  - name: group-${group}\n    interval: 1m\n    query_offset: ${Math.round(offsetMs / 1000)}s\n    rules:\n`
    writeFileSync(join(directory, 'fake', `group-${group}.yaml`), head + rules.join(''))
  }
}

interface Group {
  readonly lastEvaluation: string
  readonly evaluationTime: number
  readonly rules: readonly { readonly lastEvaluation: string; readonly health: string }[]
}

/** Measures a store that has just begun to evaluate the rules. */
export async function runRules(server: StoreServer, idleShare: number): Promise<RulesResult> {
  const client = new HttpClient(server.url, 1, {})
  try {
    const list = async () => {
      const { body } = await client.send('/prometheus/api/v1/rules')
      return (JSON.parse(body) as { data: { groups: Group[] } }).data.groups
    }
    // Every group is evaluated once, with caches cold, before the measurement.
    while ((await list()).some(({ rules }) => rules.some(({ health }) => health === 'unknown')))
      await sleep(1000)
    const [startMs, startCpu] = [performance.now(), readCpuSeconds(server.pid)]
    await sleep(intervalMs)
    const seconds = (performance.now() - startMs) / 1000
    const cpuShare = (readCpuSeconds(server.pid) - startCpu) / seconds
    const groups = await list()
    const late = groups.map(
      ({ lastEvaluation, rules }) =>
        Date.parse(rules[0]!.lastEvaluation) - Date.parse(lastEvaluation),
    )
    return {
      ...{ ruleCount: groupCount * rulesPerGroup, groupCount: groups.length, cpuShare, idleShare },
      lateMs: spread(late),
      groupMs: spread(groups.map(({ evaluationTime }) => evaluationTime * 1000)),
      failures: groups.flatMap(({ rules }) => rules).filter(({ health }) => health !== 'ok').length,
    }
  } finally {
    client.close()
  }
}

/** Returns the share of a core that a store takes when nobody asks it anything. */
export async function measureIdle(server: StoreServer): Promise<number> {
  const idleMs = 10_000
  const before = readCpuSeconds(server.pid)
  await sleep(idleMs)
  return (readCpuSeconds(server.pid) - before) / (idleMs / 1000)
}

function spread(values: readonly number[]): { readonly median: number; readonly worst: number } {
  const sorted = values.toSorted((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)] ?? 0, worst: sorted.at(-1) ?? 0 }
}

/** Lists the figures. */
export function rulesRows(result: RulesResult): Row[] {
  const { ruleCount, cpuShare, idleShare, lateMs, groupMs, failures } = result
  const percent = (share: number) => `${(share * 100).toFixed(1)} % of a core`
  return [
    {
      figure: `${ruleCount} rules in ${result.groupCount} groups at one minute`,
      value: percent(cpuShare),
      limit: `idle ${percent(idleShare)}`,
      target: `<= ${percent(coreShareMax)}`,
      isMet: cpuShare <= coreShareMax,
    },
    {
      figure: 'a group begins after its moment',
      value: `median ${lateMs.median.toFixed(0)} ms, worst ${lateMs.worst.toFixed(0)} ms`,
    },
    {
      figure: 'ten rules of a group take',
      value: `median ${groupMs.median.toFixed(0)} ms, worst ${groupMs.worst.toFixed(0)} ms`,
    },
    { figure: 'rules that failed', value: String(failures), target: '0', isMet: failures === 0 },
  ]
}
