// Thousands of segments of level 0 that nobody has merged: a replica starts with them as usual, and works them off
// in merges that are small at first, so that those which ended before a kill stay.

import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, test } from 'tap'
import { mergeInputsMax, mergeShareLeast } from '../packages/store/src/limits.ts'
import { createPostgres, noPostgres } from '../test/postgres-server.ts'
import { flattenStreams } from './harness.ts'
import { addBacklog } from './level0-backlog.ts'
import { startReplicas } from './replicas.ts'
import { noBucket, startBucket } from './versitygw-process.ts'

const segments = Number(process.env.SKALD_BACKLOG ?? 1500)
const timeoutMs = 120_000 + 20 * segments
root.setTimeout(timeoutMs)

test('a backlog of level 0 is worked off', { skip: noBucket || noPostgres }, async t => {
  t.setTimeout(timeoutMs)
  const dir = t.testdir()
  const [bucket, postgres] = [await startBucket(t, dir), await createPostgres(t)]
  const [replica] = await startReplicas(t, { dir, bucket, postgres, count: 1 })
  await replica!.stop()
  const firstNs = (BigInt(Date.now()) - 3_600_000n) * 1_000_000n
  await addBacklog({ bucket, postgres, segments, firstNs, app: 'backlog' })
  const count = async (what: string) => Number(await postgres.sql(`SELECT ${what}`))
  const level0 = () =>
    count("count(*) FROM skald.segments WHERE removed IS NULL AND name LIKE '%-0.seg'")
  const merges = () =>
    count('count(DISTINCT removed) FROM skald.segments WHERE removed IS NOT NULL')
  t.comment(
    `ready after ${Math.round(await replica!.start())} ms with ${segments} changes to apply`,
  )

  t.comment('a kill in the middle costs only the merge that was under way')
  for (let tries = 0; (await merges()) < 2 && tries < 1000; tries++) await sleep(50)
  await replica!.kill()
  const left = await level0()
  t.ok(left < segments, `${segments - left} segments were merged`)
  t.comment(`ready after ${Math.round(await replica!.start())} ms`)
  for (let tries = 0; (await level0()) > 0 && tries < segments; tries++) await sleep(100)
  t.equal(await level0(), 0)
  const sizes = `(SELECT removed, count(*) AS inputs FROM skald.segments
    WHERE removed IS NOT NULL AND name LIKE '%-0.seg' GROUP BY removed ORDER BY removed) AS merge`
  t.equal(await count(`inputs FROM ${sizes} LIMIT 1`), mergeInputsMax * mergeShareLeast)
  t.ok((await count(`max(inputs) FROM ${sizes}`)) <= mergeInputsMax)

  const data = await replica!.query('query_range', {
    ...{ query: '{app="backlog"}', direction: 'forward', limit: '5000' },
    ...{ start: String(firstNs), end: String(firstNs + 3_600_000_000_000n) },
  })
  const found = flattenStreams(data).map(({ line }) => line)
  t.same(
    found,
    Array.from({ length: Math.min(5000, segments) }, (_, i) => `line ${i}`),
  )
  t.notMatch(replica!.output(), /EMFILE|compaction failed/)
})
