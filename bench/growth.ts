// How the cost of each query grew with the data: compares this run with the raw JSON of an earlier
// one.

import type { Row } from './table.ts'

/** The figures of a run that growth is about. */
export interface RunCosts {
  readonly megabytes: number
  /** Name of a query (with the server's name in front, in a comparison) → median CPU in ms. */
  readonly cpuMs: ReadonlyMap<string, number>
}

/** A twentieth of a full read must not become more than this with fifteen times the data. */
const needleGrowthMax = 3
/** The size at which the needle's growth has a target, against a run of 335 MB. */
const targetMegabytes = 5000

/**
 * Reads the raw JSON that `--json` wrote.
 * @throws TypeError if it has no queries.
 */
export function readRunCosts(text: string): RunCosts {
  const run = JSON.parse(text) as {
    options?: { megabytes?: unknown }
    queries?: readonly { name: string; cpuMs?: { median: number } }[]
    servers?: readonly {
      name: string
      costs: readonly { name: string; cpuMs: { median: number } }[]
    }[]
  }
  const megabytes = run.options?.megabytes
  const cpuMs = new Map<string, number>()
  for (const { name, cpuMs: cost } of run.queries ?? []) if (cost) cpuMs.set(name, cost.median)
  for (const server of run.servers ?? []) {
    for (const { name, cpuMs: cost } of server.costs) {
      cpuMs.set(`${server.name}, ${name}`, cost.median)
    }
  }
  if (typeof megabytes !== 'number' || cpuMs.size === 0) {
    throw new TypeError('it has no queries with CPU times; write one with --json FILE')
  }
  return { megabytes, cpuMs }
}

/** Lists how much more each query costs than in the earlier run. */
export function growthRows(earlier: RunCosts, now: RunCosts): Row[] {
  const lines: Row = {
    figure: 'lines',
    value: `${now.megabytes} MB`,
    limit: `${earlier.megabytes} MB`,
    ratio: (now.megabytes / earlier.megabytes).toFixed(2),
  }
  const rows = [...now.cpuMs].flatMap(([figure, cpuMs]): Row[] => {
    const before = earlier.cpuMs.get(figure)
    if (before === undefined || before === 0) return []
    const ratio = cpuMs / before
    const row = {
      figure,
      value: `${cpuMs.toFixed(1)} ms CPU`,
      limit: `${before.toFixed(1)} ms CPU`,
      ratio: ratio.toFixed(2),
    }
    const hasTarget =
      /^(Skald, )?needle/.test(figure) &&
      now.megabytes >= targetMegabytes &&
      earlier.megabytes < targetMegabytes
    if (!hasTarget) return [row]
    return [{ ...row, target: `<= ${needleGrowthMax}`, isMet: ratio <= needleGrowthMax }]
  })
  return [lines, ...rows]
}
