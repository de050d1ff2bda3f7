import fc from 'fast-check'
import { test } from 'tap'
import { sharedTimes } from '../../src/scan/shared-times.ts'

test('times in more than one list are found, however the lists overlap', async t => {
  const list = fc.record({
    times: fc.array(fc.nat(30), { maxLength: 20 }).map(times => Float64Array.from(times).sort()),
    from: fc.nat(10),
  })
  fc.assert(
    fc.property(fc.array(list, { maxLength: 6 }), lists => {
      const counts = new Map<number, number>()
      for (const { times, from } of lists) {
        for (const time of new Set(times))
          counts.set(time + from, (counts.get(time + from) ?? 0) + 1)
      }
      const expected = [...counts].filter(([, count]) => count > 1).map(([time]) => time)
      t.same(
        sharedTimes(lists),
        expected.sort((a, b) => a - b),
      )
    }),
  )
})
