// Kills a store at random moments while it removes deleted entries. From the answer to the request
// on, these lines never appear again, all others are there after every start, and in the end the
// files contain none of the deleted ones.

import { setTimeout as sleep } from 'node:timers/promises'
import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { Random } from '../bench/random.ts'
import { startStore, type TestStore } from './harness.ts'

const timeoutMs = 240_000
root.setTimeout(timeoutMs)

const seed = Number(process.env.SKALD_CRASH_SEED ?? Date.now() % 1_000_000)
const dayMs = 86_400_000
const dayCount = 8
const linesPerDay = 4_000
const killCount = Number(process.env.SKALD_CRASH_KILLS ?? 3)

test('Store hides deleted lines across kills, and removes them', async t => {
  t.setTimeout(timeoutMs)
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const dir = t.testdir()
  const store = await startStore(t, {
    dir,
    config: 'compactor: {retention_enabled: true, delete_request_cancel_period: 0s}\n',
  })
  const todayMs = Math.floor(Date.now() / dayMs) * dayMs
  const startMs = todayMs - dayCount * dayMs
  for (let day = 0; day < dayCount; day++) {
    for (const app of ['shop', 'bank']) {
      const entries = Array.from({ length: linesPerDay }, (_, i) => ({
        timestampNs: BigInt(startMs + day * dayMs + i * 20_000) * 1_000_000n,
        line: `${i % 4 === 0 ? 'secret' : 'plain'} ${app} ${day} ${i} ${'x'.repeat(150)}`,
      }))
      const answer = await store.push([{ labels: createLabelSet({ app }), entries }])
      t.equal(answer.status, 204)
    }
  }
  const count = async (from: TestStore, filter: string) => {
    const data = await from.query('query', {
      query: `sum by (app) (count_over_time({app=~".+"} ${filter} [${dayCount + 1}d]))`,
      time: String(BigInt(todayMs) * 1_000_000n),
    })
    return Object.fromEntries(
      data.result.map(({ metric, value }) => [metric?.app, Number(value?.[1])]),
    )
  }
  const all = dayCount * linesPerDay
  t.same(await count(store, ''), { bank: all, shop: all })

  const params = { query: '{app="shop"} |= "secret"', start: String(startMs / 1000) }
  const asked = await store.request(`/loki/api/v1/delete?${new URLSearchParams(params)}`, {
    method: 'POST',
  })
  t.equal(asked.status, 204)
  const left = { bank: all, shop: (all * 3) / 4 }
  t.same(await count(store, ''), left)
  for (let kill = 1; kill <= killCount; kill++) {
    await store
      .request('/flush', { method: 'POST', signal: AbortSignal.timeout(random.between(20, 600)) })
      .catch(() => {
        // The kill may interrupt this request; that is the point of the test.
      })
    await store.kill()
    await store.start()
    t.same(await count(store, ''), left, `kill ${kill}`)
    t.same(await count(store, '|= "secret"'), { bank: all / 4 }, `kill ${kill}: nothing comes back`)
  }

  t.equal((await store.request('/flush', { method: 'POST' })).status, 204)
  let statuses: string[] = []
  for (let i = 0; i < 100 && statuses[0] !== 'processed'; i++) {
    const { body } = await store.request('/loki/api/v1/delete')
    statuses = (JSON.parse(body) as { status: string }[]).map(({ status }) => status)
    await sleep(100)
  }
  t.same(statuses, ['processed'])
  await store.stop()
  t.notMatch(store.output(), /their entries are lost/)

  // A store without the requests shows what the files contain.
  const bare = await startStore(t, { dir })
  t.same(await count(bare, ''), left)
  t.same(await count(bare, '|= "secret"'), { bank: all / 4 })
})
