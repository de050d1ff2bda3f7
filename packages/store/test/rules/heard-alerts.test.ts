import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import type { Alert } from '../../src/rules/alert-machine.ts'
import { heardBy, unheardHooks } from '../../src/rules/heard-alerts.ts'

const firing: Alert = {
  labels: createLabelSet({ alertname: 'a' }),
  annotations: createLabelSet({}),
  ...{ state: 'firing', value: 1, activeMs: 1, firedMs: 2, resolvedMs: 0, keptSinceMs: 0 },
  ...{ sentMs: 0, validMs: 0, told: '' },
}
const hooks = [
  { name: 'a', sendsResolved: true },
  { name: 'b', sendsResolved: true },
  { name: 'quiet', sendsResolved: false },
]
const unheard = (alert: Alert) => unheardHooks(alert, hooks).map(({ name }) => name)
const hear = (alert: Alert, ...names: string[]) =>
  names.reduce((now, hook) => heardBy([now], { hook, taken: [now] }, hooks)[0]!, alert)

test('each webhook hears of an alert until it has taken it', async t => {
  t.same(unheard({ ...firing, state: 'pending' }), [])
  t.same(unheard(firing), ['a', 'b', 'quiet'])
  const half = hear(firing, 'b')
  t.match(half, { told: '', heard: ['firing b'] })
  t.same(unheard(half), ['a', 'quiet'], 'also after a restart')
  const all = hear(half, 'quiet', 'a')
  t.match(all, { told: 'firing', heard: undefined })
  t.same(unheard(all), [])
})

test('who knows that it fires hears that it ends', async t => {
  const ended = (alert: Alert): Alert => ({ ...alert, state: 'inactive', resolvedMs: 3 })
  t.same(unheard(ended(firing)), [], 'nobody knows of it')
  t.same(unheard(ended(hear(firing, 'b'))), ['b'])
  const known = ended(hear(firing, 'a', 'b', 'quiet'))
  t.same(unheard(known), ['a', 'b'])
  t.same(unheard(hear(known, 'a')), ['b'])
  t.match(hear(known, 'a', 'b'), { told: 'resolved', heard: undefined })
})

test('an answer that comes late changes what the alert is now', async t => {
  const answer = { hook: 'a', taken: [firing] }
  const ended: Alert = { ...firing, state: 'inactive', resolvedMs: 3 }
  const [late] = heardBy([ended], answer, hooks)
  t.match(late, { state: 'inactive', heard: ['firing a'] })
  t.same(unheard(late!), ['a'])
  t.same(heardBy([{ ...firing, firedMs: 9 }], answer, hooks), [], 'it has begun again meanwhile')
  t.same(heardBy([], answer, hooks), [])
})
