import fc from 'fast-check'
import { test } from 'tap'
import { pickRank } from '../../src/aggregation/pick-rank.ts'

test('the number of any rank is found, one after the other', async t => {
  const numbers = fc.oneof(
    fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 300 }),
    fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 300 }),
  )
  fc.assert(
    fc.property(numbers, fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), (list, ranks) => {
      const values = Float64Array.from(list)
      const first = Math.min(2, values.length - 1)
      const sorted = [...values.slice(0, first), ...values.slice(first).sort()]
      for (const wanted of ranks) {
        const rank = first + (wanted % (values.length - first))
        t.equal(pickRank(values, first, rank), sorted[rank])
      }
    }),
  )
})

test('no order of the numbers takes long', async t => {
  const count = 200_000
  const orders: [string, (i: number) => number][] = [
    ['ascending', i => i],
    ['descending', i => count - i],
    ['equal', () => 7],
    ['organ pipe', i => Math.min(i, count - i)],
    ['saw', i => i % 17],
  ]
  for (const [name, numberAt] of orders) {
    const values = Float64Array.from({ length: count }, (_, i) => numberAt(i))
    const sorted = values.slice().sort()
    t.equal(pickRank(values, 0, 150_000), sorted[150_000], name)
  }
})
