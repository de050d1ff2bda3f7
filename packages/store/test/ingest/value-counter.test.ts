import { test } from 'tap'
import { ValueCounter } from '../../src/ingest/value-counter.ts'

test('few values are counted exactly', t => {
  const counter = new ValueCounter()
  for (let i = 0; i < 3000; i++) counter.add(`value ${i % 1000}`)
  t.equal(counter.count, 1000)
  t.equal(counter.add('value 7'), false)
  t.equal(counter.add('another'), true)
  t.end()
})

test('many values are counted within 2 %', t => {
  for (const many of [10_000, 100_000, 300_000]) {
    const counter = new ValueCounter()
    for (let i = 0; i < many; i++) counter.add(`pod-${i}`)
    const off = Math.abs(counter.count - many) / many
    t.ok(off < 0.02, `${counter.count} of ${many}`)
  }
  t.end()
})
