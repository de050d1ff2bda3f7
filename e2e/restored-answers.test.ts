// A store answers as a Loki 3.7.6 did, also after it was backed up and restored, and after its catalog was made
// again from the segments.

import { join } from 'node:path'
import { t as root, test } from 'tap'
import { startStore, startStoreOn } from './harness.ts'
import { judgeRecorded, recordedConfig, runRecorded } from './recorded-cases.ts'
import { skald } from './upkeep-commands.ts'

root.setTimeout(180_000)

test('recorded requests get the same answers after a restore and after a rebuild', async t => {
  const dir = t.testdir()
  const store = await startStore(t, { dir, config: recordedConfig })
  const push = ['--url', store.url, '--push', '--flush', '--only', 'labels']
  judgeRecorded(t, await runRecorded({ runner: 'store', args: push, dir }))

  const other = join(dir, 'other')
  const restored = join(other, 'data')
  for (const args of [
    ['backup', join(dir, 'store-data'), join(dir, 'backup')],
    ['restore', join(dir, 'backup'), restored],
  ]) {
    const { code, err } = await skald(args)
    t.equal(code, 0, err)
  }
  await store.stop()
  const again = await startStoreOn(t, { configFile: join(dir, 'store.yaml'), dir: other })
  const ask = ['--url', again.url, '--skip-fresh']
  const first = await runRecorded({ runner: 'store', args: ask, dir })
  t.ok(first.length >= 1800, `${first.length} requests`)
  judgeRecorded(t, first)

  await again.stop()
  const rebuilt = await skald(['verify', '--rebuild', restored])
  t.equal(rebuilt.code, 0, rebuilt.err)
  await again.start()
  // Of the catalog, queries have only streams and times.
  const only = ['--only', 'labels-series|index|streams-selectors|mixed-metrics']
  const second = await runRecorded({ runner: 'store', args: [...ask, ...only], dir })
  t.ok(second.length >= 200, `${second.length} requests`)
  judgeRecorded(t, second)
})
