// Ends a real store at some of its calls to the disk. `npm run torture -- --only crash-points` takes all.

import { join } from 'node:path'
import { test } from 'tap'
import { runCrashPoint } from './crash-point.ts'

/** Other calls on every day. */
const stride = 13
const first = 1 + (Math.floor(Date.now() / 86_400_000) % stride)

test('a store that ends at any call to the disk has what it acknowledged', {
  timeout: 150_000,
}, async t => {
  const dir = join(t.testdir(), 'store')
  let ended = 0
  for (let at = first; ; at += stride) {
    const when = (at + first) % 2 === 0 ? 'before' : 'after'
    const outcome = await runCrashPoint({ at, when }, dir)
    t.same(outcome.problems, [], `it ended ${when} call ${at}`)
    if (!outcome.hasEnded) break
    ended++
  }
  t.ok(ended >= 2, `${ended} ends`)
})
