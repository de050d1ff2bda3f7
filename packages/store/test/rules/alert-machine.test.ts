import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import {
  type Alert,
  AlertMachine,
  type AlertTimes,
  afterOutage,
  needsSending,
} from '../../src/rules/alert-machine.ts'

const plain: AlertTimes = { forMs: 0, keepFiringMs: 0, limit: 0 }
const found = (app: string, value = 1) => ({
  labels: createLabelSet({ alertname: 'A', app }),
  annotations: createLabelSet({ summary: `value ${value}` }),
  value,
})
const states = (machine: AlertMachine) =>
  machine.all.map(({ labels, state }) => `${labels[1]!.value} ${state}`)
const minute = 60_000

test('an alert without `for` fires at once and ends when its sample is gone', async t => {
  const machine = new AlertMachine()
  machine.update([found('a')], 1000, plain)
  t.same(states(machine), ['a firing'])
  machine.update([found('a', 2)], 2000, plain)
  t.match(machine.all, [{ state: 'firing', activeMs: 1000, firedMs: 1000, value: 2 }])
  t.same(machine.all[0]!.annotations, [{ name: 'summary', value: 'value 2' }])
  machine.update([], 3000, plain)
  t.match(machine.all, [{ state: 'inactive', resolvedMs: 3000 }])
  t.same(machine.active, [])
  machine.update([], 3000 + 15 * minute, plain)
  t.equal(machine.all.length, 1, 'it is sent for fifteen minutes')
  machine.update([], 3001 + 15 * minute, plain)
  t.same(machine.all, [])
})

test('an alert that comes back after its end is a new one', async t => {
  const machine = new AlertMachine()
  for (const [samples, at] of [
    [[found('a')], 1],
    [[], 2],
    [[found('a')], 3],
  ] as const)
    machine.update(samples, at, plain)
  t.match(machine.all, [{ state: 'firing', activeMs: 3, firedMs: 3, resolvedMs: 0, sentMs: 0 }])
})

test('with `for`, an alert is pending until its sample was there for long enough', async t => {
  const machine = new AlertMachine()
  const times = { ...plain, forMs: 2 * minute }
  machine.update([found('a')], 0, times)
  machine.update([found('a'), found('b')], minute, times)
  t.same(states(machine), ['a pending', 'b pending'])
  machine.update([found('a')], 2 * minute, times)
  t.same(states(machine), ['a firing'], 'a pending alert without a sample leaves no trace')
  machine.update([found('a')], 3 * minute, { ...plain, forMs: 10 * minute })
  t.match(machine.all, [{ state: 'pending', firedMs: 0 }], 'if `for` grows, it is pending again')
})

test('with keep_firing_for, an alert fires on after its sample is gone', async t => {
  const machine = new AlertMachine()
  const times = { ...plain, keepFiringMs: 2 * minute }
  machine.update([found('a')], minute, times)
  machine.update([], 2 * minute, times)
  t.match(machine.all, [{ state: 'firing', keptSinceMs: 2 * minute }])
  machine.update([found('a')], 3 * minute, times)
  t.match(machine.all, [{ state: 'firing', keptSinceMs: 0, firedMs: minute }])
  machine.update([], 4 * minute, times)
  machine.update([], 6 * minute, times)
  t.match(machine.all, [{ state: 'inactive', resolvedMs: 6 * minute }])
})

test('samples with equal labels, and more alerts than the limit, fail the evaluation', async t => {
  const machine = new AlertMachine()
  machine.update([found('a')], 1, plain)
  t.throws(() => machine.update([found('b'), found('b')], 2, plain), {
    message: 'vector contains metrics with the same labelset after applying alert labels',
  })
  t.same(states(machine), ['a firing'], 'the alerts stay')
  t.throws(() => machine.update([found('a'), found('b')], 3, { ...plain, limit: 1 }), {
    message: 'exceeded limit of 1 with 2 alerts',
  })
  t.same(states(machine), [])
})

test('an alert is sent when it fires, when it ends, and again after the delay', async t => {
  const machine = new AlertMachine()
  machine.update([found('a')], 1000, { ...plain, forMs: 1 })
  t.notOk(needsSending(machine.all[0]!, 1000, minute), 'pending')
  machine.update([found('a')], 2000, { ...plain, forMs: 1 })
  const sent: Alert = { ...machine.all[0]!, sentMs: 2000 }
  t.ok(needsSending(machine.all[0]!, 2000, minute))
  t.notOk(needsSending(sent, 2000 + minute, minute))
  t.ok(needsSending(sent, 2001 + minute, minute))
  t.ok(needsSending({ ...sent, state: 'inactive', resolvedMs: 3000 }, 3000, minute))
})

test('an outage does not count as time with the sample', async t => {
  const machine = new AlertMachine()
  const times = { ...plain, forMs: 30 * minute }
  machine.update([found('a')], 0, times)
  const [alert] = machine.all
  let takeoverMs = 0
  const f = (lengthMinutes: number, want: number | undefined, more: Partial<AlertTimes> = {}) => {
    const outage = { lastMs: 10 * minute, nowMs: (10 + lengthMinutes) * minute }
    const rest = { intervalMs: minute, toleranceMs: 60 * minute, graceMs: 10 * minute }
    const of = { ...outage, ...rest, takeoverMs }
    const after = afterOutage(alert!, { ...times, ...more }, of)
    t.equal(after && after.activeMs / minute, want, `${lengthMinutes} minutes`)
  }
  f(2, 0)
  f(5, 5)
  f(60, 60)
  f(61, undefined)
  // 10 of 15 minutes are over, and at least the grace period is left.
  f(5, 10, { forMs: 15 * minute })
  f(5, 0, { forMs: 9 * minute })
  f(600, 0, { forMs: 0 })
  takeoverMs = 4 * minute
  f(4, 0)
  f(5, 5)
})
