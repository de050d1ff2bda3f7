// Kills a store at random moments while it compacts fresh pushes. However far the merge was, after
// the next start every line is there exactly once.

import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, test } from 'tap'
import { createWorkload } from '../bench/generator.ts'
import { pushAll } from '../bench/ingest.ts'
import { countEntries } from '../bench/query.ts'
import { Random } from '../bench/random.ts'
import { recordsOf } from '../bench/record-file.ts'
import { startStore } from './harness.ts'

const seed = Number(process.env.SKALD_CRASH_SEED ?? Date.now() % 1_000_000)
const roundCount = Number(process.env.SKALD_CRASH_ROUNDS ?? 3)
// For the whole file, because a single test cannot outlive it.
const timeoutMs = Math.max(240_000, roundCount * 60_000)
root.setTimeout(timeoutMs)

/** A little more than the size of level 0 at which compaction starts. */
const megabytes = 70
const hourMs = 3_600_000
const quick = { connectionCount: 4, headers: {} }

test('Store has every line once after kills during compaction', async t => {
  t.setTimeout(timeoutMs)
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const store = await startStore(t, { dir: t.testdir() })
  const server = { url: store.url, pid: undefined, dataDir: undefined }
  const nowHourMs = Math.floor(Date.now() / hourMs) * hourMs
  for (let round = 1; round <= roundCount; round++) {
    // Leaves out an hour between two rounds, because the count looks a second beyond each.
    const startMs = nowHourMs - 2 * round * hourMs
    const workload = createWorkload({ seed: seed + round, megabytes, startMs })
    await pushAll(server, recordsOf(workload.bodies), quick)
    await sleep(random.between(0, 1_500))
    await store.kill()
    await store.start()
    t.equal(await countEntries(server, workload, {}), workload.lineCount, `round ${round}`)
    // Pushes some lines again. They exist already, compacted or not, and count once.
    await pushAll(server, recordsOf(workload.bodies.slice(0, 10)), quick)
    t.equal(await countEntries(server, workload, {}), workload.lineCount, 'pushed again')
  }
})
