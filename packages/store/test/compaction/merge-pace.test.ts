import { test } from 'tap'
import { mergeBoundsMax } from '../../src/compaction/choose.ts'
import { MergePace } from '../../src/compaction/merge-pace.ts'

test('a store alone takes as much as it may from the start', async t => {
  const pace = new MergePace({ startsSmall: false })
  t.same(pace.bounds, mergeBoundsMax)
  t.notOk(pace.grow())
  pace.restart()
  t.same(pace.bounds, mergeBoundsMax)
})

test('merges of a replica begin small, and double', async t => {
  const pace = new MergePace({ startsSmall: true })
  const inputs = [pace.bounds.inputs]
  while (pace.grow()) inputs.push(pace.bounds.inputs)
  t.same(inputs, [64, 128, 256, 512, 1024])
  t.same(pace.bounds, mergeBoundsMax)
  pace.restart()
  t.same(pace.bounds, {
    inputs: 64,
    level0Bytes: 8 * 1024 * 1024,
    runBytes: 32 * 1024 * 1024,
  })
})
