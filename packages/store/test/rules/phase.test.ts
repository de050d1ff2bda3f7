import { test } from 'tap'
import { phaseOf, slotBefore } from '../../src/rules/phase.ts'

test('a thousand groups begin at twenty moments of their interval, none of them crowded', async t => {
  const counts = new Map<number, number>()
  for (let i = 0; i < 1000; i++) {
    const phase = phaseOf(`group ${i}`, 60_000)
    counts.set(phase, (counts.get(phase) ?? 0) + 1)
  }
  t.equal(counts.size, 20)
  t.ok(Math.max(...counts.values()) < 100)
  t.same(
    [...counts.keys()].filter(ms => ms < 0 || ms >= 60_000 || ms % 3000 !== 0),
    [],
  )
  t.equal(phaseOf('group 1', 60_000), phaseOf('group 1', 60_000), 'always at the same moments')
})

test('moments do not depend on when a store started', async t => {
  t.equal(slotBefore(125_000, 60_000, 3000), 123_000)
  t.equal(slotBefore(122_999, 60_000, 3000), 63_000)
  t.equal(slotBefore(123_000, 60_000, 3000), 123_000)
})
