// Checks the check of linear time: it must refuse a squared cost, and accept a cost that jumps once.

import { test } from 'tap'

import { expectLinear } from './linear-time.ts'

let sum = 0
const work = (steps: number) => {
  for (let i = 0; i < steps; i++) sum += Math.sqrt(i + sum)
}

/** Runs the check over code that takes this many steps, and returns whether it accepted the code. */
async function accepts(stepsOf: (size: number) => number): Promise<boolean> {
  let accepted = true
  const t = {
    ok: (isOk: unknown) => {
      accepted = Boolean(isOk)
      return accepted
    },
    pass: () => true,
  }
  await expectLinear(t as never, 'code', { input: size => size, run: size => work(stepsOf(size)) })
  return accepted
}

test('a squared cost is refused', async t => {
  t.equal(await accepts(size => size * (size / 64)), false)
})

test('a linear cost is accepted', async t => {
  t.equal(await accepts(size => size * 64), true)
})

test('a linear cost with one jump is accepted', async t => {
  t.equal(await accepts(size => size * (size >= 128 * 1024 ? 256 : 64)), true)
})
