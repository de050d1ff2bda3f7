import fc from 'fast-check'
import { test } from 'tap'
import { PollQueue } from '../../src/tail/poll-queue.ts'

const newItem = (name: string) => ({ name, dueStep: Number.NaN })

test('items are due once, at their latest schedule', async t => {
  const queue = new PollQueue<ReturnType<typeof newItem>>({ stepMs: 250, nowMs: 10_000 })
  const [a, b, c] = ['a', 'b', 'c'].map(newItem)
  const names = (nowMs: number) => queue.takeDue(nowMs).map(({ name }) => name)
  queue.schedule(a!, 10_500)
  queue.schedule(b!, 11_000)
  queue.schedule(c!, 10_500)
  t.same(names(10_250), [])
  queue.schedule(a!, 12_000)
  queue.schedule(b!, 10_500)
  queue.remove(c!)
  t.same(names(10_500), ['b'])
  t.same(names(11_500), [])
  t.same(names(60_000), ['a'], 'after a long pause')
  queue.schedule(a!, 0)
  t.same(names(60_250), ['a'], 'a time in the past is the next step')
  t.same(names(90_000), [])
})

test('no item is lost, early by more than a step, or late', async t => {
  const schedule = fc.record({ item: fc.nat({ max: 9 }), afterMs: fc.nat({ max: 3_000 }) })
  const step = fc.record({ passedMs: fc.nat({ max: 600 }), schedules: fc.array(schedule) })
  fc.assert(
    fc.property(fc.array(step), steps => {
      const items = Array.from({ length: 10 }, (_, i) => newItem(`${i}`))
      const due = new Map<object, number>()
      let nowMs = 1_000
      const queue = new PollQueue<ReturnType<typeof newItem>>({ stepMs: 100, nowMs })
      for (const { passedMs, schedules } of steps) {
        nowMs += passedMs
        for (const item of queue.takeDue(nowMs)) {
          if (due.get(item)! > nowMs + 100) throw new Error('early')
          due.delete(item)
        }
        for (const dueMs of due.values()) if (dueMs <= nowMs - 100) throw new Error('late')
        for (const { item, afterMs } of schedules) {
          queue.schedule(items[item]!, nowMs + afterMs)
          due.set(items[item]!, nowMs + afterMs)
        }
      }
    }),
  )
  t.pass()
})
