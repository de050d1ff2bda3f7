// Stores whose power ends at any call, by seed. `npm run torture -- --only power-loss` runs many more.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { test } from 'tap'
import { Random } from '../../../../bench/random.ts'
import { acceptedStream, dayNs, midnightNs, type Row } from '../harness.ts'
import { CatalogMedium } from './catalog-medium.ts'
import { runPowerStory } from './power-story.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import { openStoreLife } from './store-life.ts'

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

test('a start syncs what a killed process had dropped, before it deletes the files', async t => {
  const top = t.testdir()
  // Every look at the clock takes a while, so that nothing waits.
  let ms = Number((midnightNs + dayNs) / 1_000_000n)
  const clock = {
    now: () => {
      ms += 30
      return ms
    },
  }
  // What a power loss leaves is random.
  for (let seed = 1; seed <= 8; seed++) {
    const dir = join(top, String(seed))
    mkdirSync(dir)
    const random = new Random(seed)
    const disk = new SimulatedDisk(random)
    const medium = new CatalogMedium(join(dir, 'catalog.sqlite'), random)
    const errors: string[] = []
    const logger = pino({ level: 'error' }, { write: (line: string) => void errors.push(line) })
    const open = () => openStoreLife({ dir, disk, medium, clock, logger })

    const killed = await open()
    const times = [midnightNs - 3n * dayNs, midnightNs]
    const rows = times.map((timeNs): Row => [timeNs, 'line'])
    await killed.committer.add('a', [acceptedStream({ app: 'x' }, rows)], 100)
    await killed.flush()
    t.equal((await killed.catalog.listSegments()).length, 2, 'one for each day')
    ms += 3_600_000
    // The process ends after the old day was dropped, and before that is synced.
    disk.plan = (_kind, name) => (name === 'dropBefore' ? 'power ends within' : 'works')
    await killed.flush().catch(() => undefined)
    t.equal((await killed.catalog.listSegments()).length, 1)
    const asKilled = medium.keep()
    await killed.end()
    medium.restoreUnsynced(asKilled)
    disk.restart()
    disk.plan = () => 'works'

    const restarted = await open()
    const left = medium.lose()
    await restarted.end()
    medium.restore(left)
    disk.powerOn()

    errors.length = 0
    const last = await open()
    t.same(errors, [], `seed ${seed}: no segment is missing`)
    t.equal((await last.catalog.listSegments()).length, 1)
    await last.end()
  }
})
