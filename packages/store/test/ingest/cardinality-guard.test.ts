import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { loadStoreConfig } from '../../src/config.ts'
import { CardinalityGuard } from '../../src/ingest/cardinality-guard.ts'
import { createTestLogger } from '../harness.ts'

const dayMs = 86_400_000

function open(yaml = '{}') {
  const { limits } = loadStoreConfig(`limits_config: ${yaml}`, 'test.yaml').config
  const { logger, messages } = createTestLogger()
  const clock = { ms: 20_000 * dayMs, now: () => clock.ms }
  const guard = new CardinalityGuard({ logger, clock })
  const push = (tenant: string, count: number, { from = 0, address = '10.0.0.1' } = {}) => {
    const client = { address, userAgent: 'agent/1' }
    for (let i = from; i < from + count; i++) {
      guard.note(tenant, createLabelSet({ app: 'web', pod: `pod-${i}` }), { limits, client })
    }
  }
  const list = (tenant?: string) => guard.list(() => limits, tenant)
  return { guard, limits, clock, messages, push, list }
}

test('labels are counted by tenant, the one with the most values first', t => {
  const { push, list } = open()
  push('a', 20)
  push('b', 5)
  t.same(
    list().map(({ tenant, label, values }) => `${tenant} ${label} ${values}`),
    ['a pod 20', 'b pod 5', 'a app 1', 'b app 1'],
  )
  t.same(
    list('b').map(({ label }) => label),
    ['pod', 'app'],
  )
  t.same(list('a')[0], {
    ...{ tenant: 'a', label: 'pod', values: 20, isGuilty: false, isDemoted: false },
    examples: ['pod-17', 'pod-18', 'pod-19'],
    clients: ['10.0.0.1 agent/1'],
  })
  t.end()
})

test('a label with very many values is logged, and again at twice as many', t => {
  const { push, list, messages } = open()
  const told = () => messages().filter(message => message.startsWith('a label has very many'))
  push('a', 9_000)
  t.equal(told().length, 0)
  push('a', 3_000, { from: 9_000, address: '10.0.0.2' })
  t.equal(told().length, 1)
  t.equal(list('a')[0]!.isGuilty, true)
  t.same(list('a')[0]!.clients, ['10.0.0.1 agent/1', '10.0.0.2 agent/1'])
  push('a', 5_000, { from: 12_000 })
  t.equal(told().length, 1)
  push('a', 5_000, { from: 17_000 })
  t.equal(told().length, 2)
  t.end()
})

test('counting begins again each day', t => {
  const { push, list, clock } = open()
  push('a', 20)
  clock.ms += dayMs
  push('a', 3)
  t.equal(list('a')[0]!.values, 3)
  t.end()
})

test('a label above the threshold is demoted, and stays so', t => {
  const { guard, limits, push, list, clock, messages } = open('{demote_labels_above: 10}')
  push('a', 10)
  t.same([...guard.demotedOf('a', limits)], [])
  push('a', 1, { from: 10 })
  t.same([...guard.demotedOf('a', limits)], ['pod'])
  t.equal(guard.demotedOf('a', limits), guard.demotedOf('a', limits), 'the set is the same')
  t.same([...guard.demotedOf('b', limits)], [], 'of that tenant alone')
  t.equal(guard.demotedOf('b', limits), guard.demotedOf('c', limits), 'names alone take no memory')
  clock.ms += dayMs
  push('a', 1)
  t.same([...guard.demotedOf('a', limits)], ['pod'])
  t.equal(list('a').find(({ label }) => label === 'pod')!.isDemoted, true)
  t.equal(messages().length, 1)
  t.end()
})

test('a label that is demoted by name is not told of again', t => {
  const { guard, limits, push, messages } = open('{demote_labels: [pod], demote_labels_above: 10}')
  push('a', 20_500)
  t.same([...guard.demotedOf('a', limits)], ['pod'])
  t.same(messages(), [])
  t.end()
})

test('required labels are never demoted by their number of values', t => {
  const { guard, limits, push } = open('{demote_labels_above: 10, enforced_labels: [pod]}')
  push('a', 50)
  t.same([...guard.demotedOf('a', limits)], [])
  t.end()
})

test('demotion needs structured metadata', t => {
  const { guard, limits } = open('{demote_labels: [pod], allow_structured_metadata: false}')
  t.same([...guard.demotedOf('a', limits)], [])
  t.end()
})
