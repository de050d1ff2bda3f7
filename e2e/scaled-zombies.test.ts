// Replicas that stop for so long that others do their work, and then go on as if nothing had happened: what they were
// about to enter is refused, or is there once.

import { setTimeout as sleep } from 'node:timers/promises'
import { createLabelSet } from '@skald/wire'
import pg from 'pg'
import { t as root, test } from 'tap'
import { createPostgres, noPostgres, type PostgresServer } from '../test/postgres-server.ts'
import type { TestStore } from './harness.ts'
import { addBacklog } from './level0-backlog.ts'
import { hourNs, linesOf, nowNs, until } from './replica-lines.ts'
import { startReplica, startReplicas } from './replicas.ts'
import { noBucket, startBucket } from './versitygw-process.ts'

const timeoutMs = 180_000
root.setTimeout(timeoutMs)

const skip = noBucket || noPostgres

/** Lets the clock of PostgreSQL, the only one that counts, jump for what ends by itself. */
async function passTime(postgres: PostgresServer): Promise<void> {
  const past = "expires = now() - interval '1 second'"
  await postgres.sql(`UPDATE skald.jobs SET ${past}; UPDATE skald.leases SET ${past}`)
}

/** Stops a replica during a merge. Returns the number of the job. */
async function stopDuringMerge(store: TestStore, postgres: PostgresServer): Promise<string> {
  const jobs = 'SELECT coalesce(max(id)::text, $$$$) FROM skald.jobs WHERE NOT is_fenced'
  for (let tries = 0; tries < 100; tries++) {
    await until('it merges', async () => (await postgres.sql(jobs)) !== '')
    process.kill(store.pid, 'SIGSTOP')
    // It may have ended just before, or have sent its end already.
    await sleep(300)
    const job = await postgres.sql(jobs)
    if (job !== '') return job
    process.kill(store.pid, 'SIGCONT')
  }
  throw new Error('never stopped during a merge')
}

test('a merge that wakes up after its time is refused', { skip }, async t => {
  t.setTimeout(timeoutMs)
  const dir = t.testdir()
  const [bucket, postgres] = [await startBucket(t, dir), await createPostgres(t)]
  const [zombie] = await startReplicas(t, { dir, bucket, postgres, count: 1 })
  await zombie!.stop()
  const segments = 600
  await addBacklog({ bucket, postgres, segments, firstNs: nowNs - hourNs, app: 'backlog' })
  await zombie!.start()
  const job = await stopDuringMerge(zombie!, postgres)
  await passTime(postgres)
  const other = await startReplica(t, { dir, bucket, postgres, number: 1 })
  const left = () =>
    postgres.sql(
      "SELECT count(*) FROM skald.segments WHERE removed IS NULL AND name LIKE '%-0.seg'",
    )
  await until('the other one has merged all', async () => {
    await other.request('/flush', { method: 'POST' })
    return (await left()) === '0'
  })
  const outputs = (await postgres.sql(`SELECT outputs[1] FROM skald.jobs WHERE id = ${job}`)) || ''
  process.kill(zombie!.pid, 'SIGCONT')
  await until('it is refused', () => /a merge was not entered/.test(zombie!.output()))
  const expected = Array.from({ length: segments }, (_, i) => `line ${i}`)
  for (const store of [zombie!, other]) t.same(await linesOf(store, 'backlog'), expected)
  t.notMatch(zombie!.output(), /compaction failed|segment is (missing|damaged)/)
  // Other merges may be under way.
  await until('what it has written is deleted', async () => {
    const kept = bucket.keys('skald/scaled/segments/')
    const known = await postgres.sql(
      "SELECT string_agg(name, ' ') FROM skald.segments WHERE deleted_at IS NULL",
    )
    const names = new Set(known.split(' '))
    return kept.every(key => names.has(key.split('/').at(-1)!))
  })
  const kept = bucket.keys('skald/scaled/segments/')
  t.notOk(outputs !== '' && kept.some(key => key.endsWith(outputs)))
})

test('a commit that wakes up after its client has pushed again counts once', { skip }, async t => {
  t.setTimeout(timeoutMs)
  const dir = t.testdir()
  const [bucket, postgres] = [await startBucket(t, dir), await createPostgres(t)]
  const [zombie, other] = await startReplicas(t, { dir, bucket, postgres, count: 2 })
  const push = (store: TestStore, app: string) => {
    const entries = ['first', 'second'].map((line, i) => ({
      ...{ timestampNs: nowNs - hourNs + BigInt(i), line, structuredMetadata: [] },
    }))
    return store.push([{ labels: createLabelSet({ app }), entries }])
  }
  const objects = () => bucket.keys('skald/scaled/segments/').length
  // The second stop is longer than a replica tries to enter a commit.
  for (const [app, stopMs] of [
    ['short', 1000],
    ['long', 11_000],
  ] as const) {
    const before = objects()
    const lock = new pg.Client({ connectionString: postgres.url })
    await lock.connect()
    await lock.query('BEGIN; SELECT * FROM skald.head FOR UPDATE')
    const late = push(zombie!, app)
    const waiting = `SELECT count(*) FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND query LIKE '%skald.record%' AND pid <> pg_backend_pid()`
    await until('the commit waits', async () => (await postgres.sql(waiting)) === '1')
    t.equal(objects(), before + 1, 'its object is in the bucket')
    process.kill(zombie!.pid, 'SIGSTOP')
    await postgres.sql(waiting.replace('count(*)', 'pg_terminate_backend(pid)'))
    await lock.query('COMMIT')
    await lock.end()
    t.equal((await push(other!, app)).status, 204)
    t.same(await linesOf(other!, app), ['first', 'second'])
    await sleep(stopMs)
    process.kill(zombie!.pid, 'SIGCONT')
    const { status } = await late
    t.comment(`after ${stopMs} ms, the late push is answered ${status}`)
    for (const store of [zombie!, other!]) t.same(await linesOf(store, app), ['first', 'second'])
  }
  for (const store of [zombie!, other!]) await store.request('/flush', { method: 'POST' })
  for (const store of [zombie!, other!])
    for (const app of ['short', 'long']) t.same(await linesOf(store, app), ['first', 'second'])
})
