import { test } from 'tap'
import { damagedSegmentsKnownMax } from '../../src/limits.ts'
import { SegmentDamage } from '../../src/scan/segment-damage.ts'
import { createTestLogger } from '../harness.ts'

test('each segment is reported once, within bounded memory', async t => {
  const { logger, messages } = createTestLogger()
  let segments = 0
  const damage = new SegmentDamage({ logger, onSegment: () => segments++ })
  const report = (number: number) =>
    damage.report(`segment-${number}`, 'filters', 'filter page 0 is damaged')
  for (let number = 0; number < damagedSegmentsKnownMax; number++) report(number)
  report(0)
  report(damagedSegmentsKnownMax - 1)
  t.equal(segments, damagedSegmentsKnownMax)
  report(damagedSegmentsKnownMax)
  report(1)
  t.equal(segments, damagedSegmentsKnownMax + 1, 'one more makes room by forgetting the oldest')
  report(0)
  t.equal(segments, damagedSegmentsKnownMax + 2, 'which is then reported again')
  t.equal(messages().length, segments)
})

test('filters and counts of a segment are reported separately', async t => {
  const { logger, messages } = createTestLogger()
  const things: string[] = []
  const damage = new SegmentDamage({ logger, onSegment: thing => things.push(thing) })
  for (const thing of ['filters', 'counts', 'filters', 'counts'] as const) {
    damage.report('segment-1', thing, 'damaged')
  }
  t.same(things, ['filters', 'counts'])
  t.match(messages(), [/^filters of a segment are damaged/, /^counts of a segment are damaged/])
})
