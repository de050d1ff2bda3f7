// Merges of several replicas at a time: they share a backlog, and lines with equal times keep their order of arrival
// at every replica, no matter which one took or merged them.

import { setTimeout as sleep } from 'node:timers/promises'
import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { createPostgres, noPostgres, type PostgresServer } from '../test/postgres-server.ts'
import { addBacklog } from './level0-backlog.ts'
import { hourNs, linesOf, nowNs } from './replica-lines.ts'
import { startReplicas } from './replicas.ts'
import { noBucket, startBucket } from './versitygw-process.ts'

const timeoutMs = 180_000
root.setTimeout(timeoutMs)

const skip = noBucket || noPostgres

/** Looks at the jobs until told to stop. Returns the most replicas that merged at a moment. */
function watchJobs(postgres: PostgresServer): () => Promise<number> {
  let isOver = false
  const watch = async () => {
    let most = 0
    while (!isOver) {
      const count = 'SELECT count(DISTINCT epoch) FROM skald.jobs WHERE NOT is_fenced'
      most = Math.max(most, Number(await postgres.sql(count)))
      await sleep(30)
    }
    return most
  }
  const watching = watch()
  return () => {
    isOver = true
    return watching
  }
}

test('replicas merge at a time, and lines with equal times keep their order', { skip }, async t => {
  t.setTimeout(timeoutMs)
  const dir = t.testdir()
  const [bucket, postgres] = [await startBucket(t, dir), await createPostgres(t)]
  const segments = 250
  const replicas = await startReplicas(t, { dir, bucket, postgres, count: 3 })
  for (const replica of replicas) await replica.stop()
  await addBacklog({ bucket, postgres, segments, firstNs: nowNs - hourNs, app: 'backlog' })
  for (const replica of replicas) await replica.start()
  const stopWatching = watchJobs(postgres)

  let isOver = false
  const flushing = replicas.map(async replica => {
    while (!isOver) await replica.request('/flush', { method: 'POST' })
  })
  const expected: string[] = []
  for (let i = 0; i < 100; i++) {
    const line = `line ${i}`
    const labels = createLabelSet({ app: 'equal' })
    const entries = [{ timestampNs: nowNs - hourNs, line, structuredMetadata: [] }]
    const { status } = await replicas[i % 3]!.push([{ labels, entries }])
    if (status !== 204) t.fail(`push ${i} was answered ${status}`)
    expected.push(line)
    if (i % 25 === 24) t.same(await linesOf(replicas[(i + 1) % 3]!, 'equal'), expected)
  }
  isOver = true
  await Promise.all(flushing)
  const left = () =>
    postgres.sql(
      "SELECT count(*) FROM skald.segments WHERE removed IS NULL AND name LIKE '%-0.seg'",
    )
  for (let tries = 0; (await left()) !== '0' && tries < 300; tries++) {
    for (const replica of replicas) await replica.request('/flush', { method: 'POST' })
    await sleep(100)
  }
  t.equal(await left(), '0', 'all of level 0 is merged')
  t.ok((await stopWatching()) >= 2, 'several replicas merged at a time')
  const backlog = Array.from({ length: segments }, (_, i) => `line ${i}`)
  for (const replica of replicas) {
    t.same(await linesOf(replica, 'equal'), expected)
    t.same(await linesOf(replica, 'backlog'), backlog)
    t.notMatch(replica.output(), /compaction failed|cannot follow/)
  }
  t.equal(await postgres.sql('SELECT count(*) FROM skald.jobs WHERE NOT is_fenced'), '0')
})
