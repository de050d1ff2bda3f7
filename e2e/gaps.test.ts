// Real processes: what is lost between an agent and a store shows in the stream that lacks it, once, and in
// the answers of queries.

import { execFile } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { t as root, test } from 'tap'
import {
  createAgent,
  flattenStreams,
  type QueryData,
  startStore,
  type TestStore,
} from './harness.ts'
import { cleanEnv, skaldCommand } from './skald-process.ts'

root.setTimeout(170_000)

const scrape = (dir: string, more = '') => `${more}
scrape_configs:
  - job_name: lost
    static_configs: [{labels: {job: lost, __path__: "${dir}/logs/*.log"}}]
`

interface Answer {
  readonly warnings?: readonly string[]
  readonly data: QueryData
}

async function ask(store: TestStore, query: string): Promise<Answer> {
  const params = new URLSearchParams({ query, limit: '5000', step: '60' })
  return JSON.parse((await store.request(`/loki/api/v1/query_range?${params}`)).body) as Answer
}

async function markers(store: TestStore) {
  return flattenStreams((await ask(store, '{job="lost"} | skald_gap!=""')).data)
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(100)
}

test('A file that is deleted before it is read leaves one marker, and queries warn of it', async t => {
  const dir = t.testdir({ logs: { 'a.log': 'kept\n' } })
  const store = await startStore(t, { dir })
  const agent = await createAgent(t, { dir, storeUrl: store.url, config: scrape(dir) })
  await agent.start()
  await until(async () => flattenStreams((await ask(store, '{job="lost"}')).data).length === 1)
  t.equal((await ask(store, '{job="lost"}')).warnings, undefined)
  // Lines that the agent sees and the store never gets.
  await store.kill()
  const lost = Array.from({ length: 500 }, (_, i) => `lost ${i}\n`).join('')
  writeFileSync(join(dir, 'logs', 'a.log'), `kept\n${lost}`)
  await sleep(2_500)
  await agent.kill()
  rmSync(join(dir, 'logs', 'a.log'))
  // The agent notes the loss, is killed, and is killed again with the marker on its way.
  for (const waitMs of [1_000, 3_000]) {
    agent.spawn()
    await sleep(waitMs)
    await agent.kill()
  }
  agent.spawn()
  await store.start()
  await until(async () => (await markers(store)).length > 0)
  await agent.kill()
  await store.kill()
  await store.start()
  agent.spawn()
  await sleep(4_000)
  const found = await markers(store)
  t.equal(found.length, 1)
  t.equal(
    found[0]!.line,
    `skald gap: ${lost.length.toLocaleString('en-US')} bytes of ${dir}/logs/a.log were deleted before they were read`,
  )
  t.match(found[0]!.labels, {
    ...{ job: 'lost', filename: `${dir}/logs/a.log`, skald_gap: 'deleted' },
    skald_gap_bytes: String(lost.length),
  })
  const warning = /^lines are missing from these streams: 1 gap, 4,390 bytes missing, noted at /
  t.match((await ask(store, '{job="lost"} |= "kept"')).warnings, [warning])
  t.match((await ask(store, 'sum(count_over_time({job="lost"}[1h]))')).warnings, [warning])
  t.equal((await ask(store, '{job="other"}')).warnings, undefined)
  const asked = await promisify(execFile)(
    skaldCommand,
    ['query', '--url', store.url, '{job="lost"}'],
    { env: cleanEnv() },
  )
  t.match(asked.stderr, /^Warning: lines are missing from these streams: 1 gap/)
  t.match(asked.stdout, 'kept')
})

test('Lines that the store refuses leave one marker with its reason', async t => {
  const dir = t.testdir({
    logs: { 'a.log': `fine\n${'long '.repeat(100)}\n${'long '.repeat(200)}\nfine too\n` },
  })
  const store = await startStore(t, { dir, config: 'limits_config: {max_line_size: 400B}\n' })
  const agent = await createAgent(t, { dir, storeUrl: store.url, config: scrape(dir) })
  await agent.start()
  await until(async () => (await markers(store)).length > 0)
  await sleep(3_000)
  const found = await markers(store)
  t.equal(found.length, 1)
  t.match(
    found[0]!.line,
    /^skald gap: 2 lines \(1,500 bytes\) were refused by the server: .*max entry size '400'/i,
  )
})

test('A key turns markers off', async t => {
  const dir = t.testdir({ logs: { 'a.log': `fine\n${'long '.repeat(100)}\nfine too\n` } })
  const store = await startStore(t, { dir, config: 'limits_config: {max_line_size: 400B}\n' })
  const config = scrape(dir, 'limits_config: {gap_markers: false}')
  const agent = await createAgent(t, { dir, storeUrl: store.url, config })
  await agent.start()
  await until(async () => flattenStreams((await ask(store, '{job="lost"}')).data).length === 2)
  await sleep(2_500)
  t.equal(flattenStreams((await ask(store, '{job="lost"}')).data).length, 2)
})
