import { test } from 'tap'
import { addScanStats, createScanStats, type ScanStats } from '../../src/index.ts'

test('Statistics are added, apart from the threads: they are the most of any scan', async t => {
  const names = Object.keys(createScanStats()) as (keyof ScanStats)[]
  const one = Object.fromEntries(names.map((name, i) => [name, i + 1])) as unknown as ScanStats
  const sum = createScanStats()
  for (const name of names) t.equal(sum[name], 0, name)
  addScanStats(sum, one)
  addScanStats(sum, { ...one, scanThreads: 2 })
  for (const name of names) {
    t.equal(sum[name], name === 'scanThreads' ? one.scanThreads : 2 * one[name], name)
  }
})
