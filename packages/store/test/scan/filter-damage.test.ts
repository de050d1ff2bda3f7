import { test } from 'tap'
import { damagedSegmentsKnownMax } from '../../src/limits.ts'
import { FilterDamage } from '../../src/scan/filter-damage.ts'
import { createTestLogger } from '../harness.ts'

test('each segment is reported once, within bounded memory', async t => {
  const { logger, messages } = createTestLogger()
  let segments = 0
  const damage = new FilterDamage({ logger, onSegment: () => segments++ })
  const report = (number: number) => damage.report(`segment-${number}`, 'filter page 0 is damaged')
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
