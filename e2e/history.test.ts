// A short history over real processes; `npm run torture -- --only history` takes a long one.

import { t as root, test } from 'tap'
import { runHistory } from '../torture/history.ts'

root.setTimeout(240_000)

test('a ledger finds every line once after kills of store and agent, and full disks', async t => {
  t.setTimeout(240_000)
  const seed = Number(process.env.SKALD_HISTORY_SEED ?? Date.now() % 1_000_000)
  const { counts, problems } = await runHistory({ seed, rounds: 4, minutes: 0, dir: t.testdir() })
  t.comment(`seed ${seed}, ${counts}`)
  t.same(problems, [])
})
