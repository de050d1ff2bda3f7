// Stores whose power ends at any call, by seed. `npm run torture -- --only power-loss` runs many more.

import { join } from 'node:path'
import { test } from 'tap'
import { runPowerStory } from './power-story.ts'

const rounds = 24
/** Another set of seeds every day. A failure names its seed. */
const firstSeed = Math.floor(Date.now() / 86_400_000) * 1000

test('a store has what it acknowledged after the power ended at any call', {
  timeout: 120_000,
}, async t => {
  t.comment(`seeds ${firstSeed} to ${firstSeed + rounds - 1}`)
  const dir = t.testdir()
  let acknowledged = 0
  for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
    const counts = await runPowerStory(seed, join(dir, 'store'))
    acknowledged += counts.acknowledged
  }
  t.ok(acknowledged > rounds * 5, `${acknowledged} acknowledged lines are there`)
})
