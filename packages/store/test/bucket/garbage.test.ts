import { type Test, test } from 'tap'
import { openGarbage } from '../../src/bucket/garbage.ts'
import { createTestLogger } from '../harness.ts'

async function open(t: Test, dataDir: string, { failsAt = '' } = {}) {
  let nowMs = 1_000_000
  const removed: string[] = []
  const state = { failsAt, mayDelete: true }
  const { logger, messages } = createTestLogger()
  const garbage = await openGarbage({
    ...{ dataDir, logger, delayMs: 1000, clock: { now: () => nowMs } },
    remove: async name => {
      if (name === state.failsAt) throw new Error('away')
      removed.push(name)
    },
    check: async () => {
      if (!state.mayDelete) throw new Error('taken over')
    },
  })
  t.teardown(() => garbage.close())
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { garbage, removed, state, messages, pass }
}

test('objects go after the delay, in the order of their numbers', async t => {
  const { garbage, removed, pass } = await open(t, t.testdir())
  await garbage.add(['3', '1'])
  pass(999)
  await garbage.add(['2', '1'])
  await garbage.sweep()
  t.same(removed, [])
  pass(1)
  await garbage.sweep()
  t.same(removed, ['1', '3'])
  t.ok(garbage.has('2'))
  pass(1000)
  await garbage.sweep()
  t.same(removed, ['1', '3', '2'])
})

test('none goes before those that it replaced', async t => {
  const { garbage, removed, state, messages, pass } = await open(t, t.testdir(), { failsAt: '2' })
  await garbage.add(['1', '2', '3'])
  pass(1000)
  await garbage.sweep()
  await garbage.sweep()
  t.same(removed, ['1'])
  t.same(messages(), ['cannot delete objects of the bucket yet'], 'once, while it lasts')
  state.failsAt = ''
  await garbage.sweep()
  t.same(removed, ['1', '2', '3'])
})

test('a store that lost its bucket deletes nothing', async t => {
  const { garbage, removed, state, pass } = await open(t, t.testdir())
  state.mayDelete = false
  await garbage.add(['1'])
  pass(1000)
  await garbage.sweep()
  t.same(removed, [])
})

test('the list survives the process', async t => {
  const dir = t.testdir()
  const first = await open(t, dir)
  await first.garbage.add(['1'])
  const second = await open(t, dir)
  t.ok(second.garbage.has('1'))
  second.pass(1000)
  await second.garbage.sweep()
  t.same(second.removed, ['1'])
})
