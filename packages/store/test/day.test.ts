import { test } from 'tap'
import { dayOf, nsPerDay } from '../src/day.ts'

test('dayOf rounds down, even before 1970', async t => {
  const f = (timestampNs: bigint, want: number) =>
    t.equal(dayOf(timestampNs), want, `${timestampNs}`)
  f(0n, 0)
  f(nsPerDay - 1n, 0)
  f(nsPerDay, 1)
  f(20_000n * nsPerDay + 5n, 20_000)
  f(-1n, -1)
  f(-nsPerDay, -1)
  f(-nsPerDay - 1n, -2)
  f((1n << 63n) - 1n, 106_751)
})
