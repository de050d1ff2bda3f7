import { test } from 'tap'
import { type FoundThings, planAdoption } from '../../src/scaled/adoption-plan.ts'
import { segmentName } from '../../src/segment/name.ts'

const [a, b, c] = [1, 2, 3].map(number => segmentName(number, 0)) as [string, string, string]
const [low, high] = [segmentName(11, 1), segmentName(12, 2)] as [string, string]

function plan(things: Partial<FoundThings> & { listed: ReadonlySet<string> }) {
  const none = { replaces: new Map(), removed: new Set<string>(), present: [] }
  return planAdoption({ ...none, unknown: [...things.listed], hasLost: true, ...things })
}

test('unknown segments of level 0 are entered', async t => {
  t.same(plan({ listed: new Set([b, a]) }), {
    ...{ merged: [], level0: [a, b], left: [], missing: [], doubtful: [] },
  })
})

test('a merge whose inputs are all there is undone', async t => {
  const { merged, level0, left } = plan({
    listed: new Set([a, b, low]),
    replaces: new Map([[low, [a, b]]]),
  })
  t.same([merged, level0, left], [[], [a, b], [low]])
})

test('a merge is undone too if another one has replaced its inputs', async t => {
  const { merged, left } = plan({
    listed: new Set([low]),
    replaces: new Map([[low, [a, b]]]),
    removed: new Set([a, b]),
  })
  t.same([merged, left], [[], [low]])
})

test('a merge with an input that is gone is finished', async t => {
  const things = { listed: new Set([a, low]), replaces: new Map([[low, [a, b]]]) }
  const found = plan({ ...things, present: [b, c] })
  t.same(found.merged, [low])
  t.same(found.left, [a], 'what it replaces is not entered')
  t.same(found.missing, [c], 'what it replaces is not missed')
  const doubted = plan({ ...things, hasLost: false })
  t.same([doubted.merged, doubted.doubtful], [[], [low]], 'unless the catalog has lost nothing')
})

test('a finished merge that was merged again counts once', async t => {
  const { merged, left } = plan({
    listed: new Set([low, high]),
    replaces: new Map([
      [low, [a, b]],
      [high, [low, c]],
    ]),
  })
  t.same([merged, left], [[high], [low]])
})
