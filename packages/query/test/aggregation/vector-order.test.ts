import fc from 'fast-check'
import { test } from 'tap'
import { createSeries, type Series, setSample } from '../../src/aggregation/series.ts'
import { pickBest } from '../../src/aggregation/vector-order.ts'
import { keptInOrderMax } from '../../src/limits.ts'

const stepCount = 3
const value = fc.option(fc.constantFrom(1, 2, 3, -1, Number.NaN, Number.POSITIVE_INFINITY))
const members = fc
  .array(fc.array(value, { minLength: stepCount, maxLength: stepCount }), {
    minLength: 1,
    maxLength: 2 * keptInOrderMax,
    size: 'max',
  })
  .map(all =>
    all.map((values, i): Series => {
      const series = createSeries([{ name: 'n', value: String(i) }], stepCount)
      for (const [step, number] of values.entries()) {
        if (number !== null) setSample(series, step, number)
      }
      return series
    }),
  )

// The members that sorting puts first, at one step.
function bestAt(series: readonly Series[], step: number, count: number): string[] {
  const rank = (one: Series) => one.values[step]!
  return series
    .filter(one => one.present[step] === 1)
    .toSorted((a, b) => {
      const [x, y] = [rank(a), rank(b)]
      if (Number.isNaN(x) || Number.isNaN(y))
        return Number(Number.isNaN(x)) - Number(Number.isNaN(y))
      return x === y ? 0 : y - x
    })
    .slice(0, count)
    .map(one => `${one.labels[0]!.value}: ${rank(one)}`)
    .sort()
}

test('The best series of a step are those that sorting puts first', async t => {
  fc.assert(
    fc.property(
      members,
      fc.constantFrom(1, 2, 5, keptInOrderMax, keptInOrderMax + 1, 1000),
      (series, count) => {
        const picked = pickBest(series, { parameter: count }, (a, b) => a > b)
        for (let step = 0; step < stepCount; step++) {
          const found = picked
            .filter(one => one.present[step] === 1)
            .map(one => `${one.labels[0]!.value}: ${one.values[step]}`)
            .sort()
          if (found.join() !== bestAt(series, step, count).join()) return false
        }
        return picked.every(one => one.present.includes(1))
      },
    ),
    { numRuns: 500, seed: 4 },
  )
  t.pass('all the same')
})
