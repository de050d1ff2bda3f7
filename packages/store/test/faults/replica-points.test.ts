// Ends a replica at some of its calls to bucket and PostgreSQL, or lets them fail. `npm run torture -- replica-points`
// takes all.

import { t as root, test } from 'tap'
import { createPostgres, noPostgres } from '../../../../test/postgres-server.ts'
import { pointModes, runReplicaPoint } from './replica-point.ts'

root.setTimeout(180_000)

/** Other calls on every day. */
const stride = 9
const first = 1 + (Math.floor(Date.now() / 86_400_000) % stride)

test('what a replica has acknowledged is there once, wherever it ends or fails', {
  skip: noPostgres,
}, async t => {
  const postgres = await createPostgres(t)
  const dir = t.testdir()
  let points = 0
  for (let at = first; ; at += stride) {
    const mode = pointModes[points % pointModes.length]!
    const { call, problems } = await runReplicaPoint({ at, mode }, { postgres, dir })
    t.same(problems, [], `${mode} call ${at}: ${call}`)
    if (call === undefined) break
    points++
  }
  t.ok(points >= 2, `${points} points`)
})
