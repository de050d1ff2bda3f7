// A store with little memory under everything that takes memory at once, in a cgroup where one can be made.

import { startStore } from '../e2e/harness.ts'
import { createMemoryCgroup } from '../e2e/memory-cgroup.ts'
import {
  askNormally,
  fillForStorm,
  peakMib,
  runStorm,
  type StormSize,
  stormConfig,
} from '../e2e/memory-storm.ts'
import type { PartOptions, PartReport } from './part.ts'

const size: StormSize = {
  ids: 120_000,
  longLines: 5000,
  keys: 100_000,
  queries: 100,
  tails: 100,
  pushers: 2,
}
const limitBytes = 512 * 1024 * 1024

export async function runMemory({ rounds = 5, dir }: PartOptions): Promise<PartReport> {
  const closing: (() => unknown)[] = []
  const scope = { teardown: (close: () => unknown) => void closing.push(close) }
  const group = createMemoryCgroup(limitBytes)
  const isGrouped = typeof group !== 'string'
  const store = await startStore(scope, {
    dir,
    config: `${isGrouped ? '' : 'max_memory: 460MB\n'}${stormConfig}`,
    ...(isGrouped && { cgroup: group.directory }),
  })
  const problems: string[] = []
  const statuses = new Map<number, number>()
  let pushes = 0
  let bytes = 0
  try {
    await fillForStorm(store, size)
    for (let round = 1; round <= rounds; round++) {
      const report = await runStorm(store, size)
      problems.push(...report.problems)
      for (const [status, count] of report.statuses) {
        statuses.set(status, (statuses.get(status) ?? 0) + count)
      }
      for (const [status, count] of report.pushes) {
        pushes += count
        if (status !== 204) problems.push(`round ${round}: ${count} pushes were answered ${status}`)
      }
      bytes += report.pushedBytes
      const normal = await askNormally(store)
      if (typeof normal === 'string') problems.push(`after round ${round}, a query was ${normal}`)
    }
    const { body: config } = await store.request('/config')
    const maxMib = Number(/^max_memory: (\d+)$/m.exec(config)?.[1]) / 2 ** 20
    const peak = peakMib(store.pid)
    if (peak >= maxMib) problems.push(`the process took ${peak} MiB of ${maxMib}`)
    if (isGrouped && group.kills() > 0) problems.push('the system killed the store')
    const told = [...statuses].map(([status, count]) => `${count} times ${status}`).join(', ')
    const inGroup = isGrouped ? `cgroup ${Math.round(group.peakBytes() / 2 ** 20)} MiB` : group
    return {
      counts:
        `${rounds} storms, queries ${told}, ${pushes} pushes with ${Math.round(bytes / 1e6)} MB, ` +
        `peak ${Math.round(peak)} of ${Math.round(maxMib)} MiB, ${inGroup}`,
      problems,
    }
  } finally {
    for (const close of closing.toReversed()) await close()
    if (isGrouped) await group.remove()
  }
}
