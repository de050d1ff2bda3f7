// A store under everything that takes memory at once: it stays below its ceiling, refuses queries one by one with a
// clear error, accepts all pushes, and answers a normal query at once afterwards. `npm run torture -- memory` does it
// with more.

import { t as root, type Test, test } from 'tap'
import { startStore } from './harness.ts'
import { createMemoryCgroup } from './memory-cgroup.ts'
import {
  askNormally,
  fillForStorm,
  peakMib,
  runStorm,
  type StormSize,
  stormConfig,
} from './memory-storm.ts'

const timeoutMs = 170_000
root.setTimeout(timeoutMs)

const size: StormSize = {
  ids: 40_000,
  longLines: 150,
  keys: 100_000,
  queries: 100,
  tails: 100,
  pushers: 1,
}

interface StormTarget {
  readonly config: string
  readonly cgroup?: string
  /** The ceiling of the process. */
  readonly maxMib: number
}

/** Runs a storm and checks what came of it. */
async function testStorm(t: Test, { config, cgroup, maxMib }: StormTarget): Promise<void> {
  const store = await startStore(t, {
    dir: t.testdir(),
    config: `${config}${stormConfig}`,
    ...(cgroup !== undefined && { cgroup }),
  })
  const { body: shown } = await store.request('/config')
  t.equal(Math.round(Number(/^max_memory: (\d+)$/m.exec(shown)?.[1]) / 2 ** 20), maxMib)
  await fillForStorm(store, size)
  const filledMib = Math.round(peakMib(store.pid))
  const { statuses, pushes, problems, frames, seconds } = await runStorm(store, size)
  const normal = await askNormally(store)
  const peak = Math.round(peakMib(store.pid))
  const told = [...statuses].map(([status, count]) => `${count} times ${status}`).join(', ')
  t.comment(
    `${told}; ${pushes.get(204)} pushes and ${frames} frames of tails in ${seconds.toFixed(1)} s; ` +
      `peak ${peak} MiB (${filledMib} before the storm); a normal query took ${normal} ms afterwards`,
  )
  t.same(problems, [], 'every answer is right, or a clear refusal')
  t.ok(peak < maxMib, `${peak} MiB at most, of ${maxMib}`)
  t.same([...pushes.keys()], [204], 'every push is accepted')
  t.ok((statuses.get(429) ?? 0) > 0, 'some queries are refused')
  t.ok((statuses.get(200) ?? 0) > 0, 'some queries are answered')
  t.type(normal, 'number', String(normal))
  const { body: metrics } = await store.request('/metrics')
  const metric = (name: string) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(metrics)?.[1])
  t.equal(Math.round(metric('skald_max_memory_bytes') / 2 ** 20), maxMib)
  t.ok(metric('skald_queries_refused_total') > 0)
  t.equal(metric('skald_queries_waiting'), 0)
  t.equal(metric('skald_query_memory_bytes'), 0, 'all memory is returned')
}

const limitBytes = 512 * 1024 * 1024
const group = createMemoryCgroup(limitBytes)

test('a store in a container of 512 MB lives through a storm, below its ceiling', async t => {
  t.setTimeout(timeoutMs)
  if (typeof group === 'string') {
    // Where no cgroup can be made, the key says the same.
    t.comment(group)
    await testStorm(t, { config: 'max_memory: 460MB\n', maxMib: 460 })
    return
  }
  const { directory, kills, peakBytes, remove } = group
  // Runs after the store's own teardown.
  t.teardown(remove)
  await testStorm(t, { config: '', cgroup: directory, maxMib: 461 })
  t.equal(kills(), 0, 'the system killed nothing')
  t.comment(`the cgroup took ${Math.round(peakBytes() / 2 ** 20)} MiB at most, with pages of files`)
})
