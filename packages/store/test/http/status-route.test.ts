import { test } from 'tap'
import { PushNotes } from '../../src/ingest/push-notes.ts'
import { jsonStream, startTestStore, type TestStore } from '../harness.ts'

interface Status {
  readonly data: {
    readonly tenant?: string
    readonly state: string
    readonly days: readonly { readonly day: string; readonly bytes: number }[]
    readonly clients: readonly { readonly lines: number; readonly userAgent: string }[]
    readonly ingest: { readonly slots: readonly { readonly lines: number }[] }
    readonly retention: { readonly seconds: number }
  }
}

const nowNs = () => BigInt(Date.now()) * 1_000_000n
const push = (store: TestStore, lines: number, tenant?: string) =>
  store.push(
    [
      jsonStream(
        { app: 'x' },
        Array.from({ length: lines }, (_, i) => [nowNs(), `line ${i}`]),
      ),
    ],
    tenant,
  )
const statusOf = async (store: TestStore, tenant?: string) =>
  (await store.get('/skald/status', {}, tenant)).json<Status>().data

test('the status shows what is stored, who pushed and how much', async t => {
  const store = await startTestStore(t, {
    yaml: 'auth_enabled: false\ncompactor: {retention_enabled: true}\nlimits_config: {retention_period: 7d}',
  })
  const empty = await statusOf(store)
  t.same(empty.days, [])
  t.same(empty.clients, [])
  await push(store, 3)
  await push(store, 2)
  const status = await statusOf(store)
  t.equal(status.state, 'ready')
  t.equal(status.tenant, undefined)
  t.equal(status.days.length, 1)
  t.equal(status.days[0]!.day, new Date().toISOString().slice(0, 10))
  t.match(status.clients, [{ lines: 5, pushes: 2, bytes: 30, address: '127.0.0.1' }])
  t.equal(
    status.ingest.slots.reduce((sum, { lines }) => sum + lines, 0),
    5,
  )
  t.equal(status.retention.seconds, 7 * 86_400)
})

test('the status of one tenant says nothing about another', async t => {
  const store = await startTestStore(t, { yaml: 'auth_enabled: true' })
  t.equal((await store.get('/skald/status')).statusCode, 401)
  await push(store, 3, 'a')
  t.match(await statusOf(store, 'a'), { tenant: 'a', clients: [{ lines: 3 }] })
  t.match(await statusOf(store, 'b'), { tenant: 'b', days: [], clients: [], ingest: { slots: [] } })
})

test('who pushed is remembered for a bounded number of clients and tenants, the newest first', async t => {
  let nowMs = 1_000_000
  const notes = new PushNotes({ now: () => nowMs })
  const size = { lines: 1, bytes: 10 }
  for (let i = 0; i < 150; i++) {
    nowMs++
    notes.note('a', { address: `10.0.0.${i}`, userAgent: 'x'.repeat(1000) }, size)
  }
  const clients = notes.clientsOf('a')
  t.equal(clients.length, 100)
  t.equal(clients[0]!.address, '10.0.0.149')
  t.equal(clients[0]!.userAgent.length, 200)
  for (let i = 0; i < 1000; i++) notes.note(`t${i}`, { address: '::1', userAgent: '' }, size)
  t.same(notes.clientsOf('a'), [], 'the tenant that was quiet for longest is forgotten')
  t.equal(notes.clientsOf('t999').length, 1)
})

test('what was pushed is added up in slots of ten seconds for a quarter of an hour', async t => {
  let nowMs = 1_700_000_000_000
  const notes = new PushNotes({ now: () => nowMs })
  const client = { address: '::1', userAgent: 'test' }
  for (let i = 0; i < 200; i++) {
    notes.note('a', client, { lines: 1, bytes: 10 })
    notes.note('a', client, { lines: 2, bytes: 20 })
    nowMs += 10_000
  }
  const slots = notes.slotsOf('a')
  t.equal(slots.length, 90)
  t.ok(slots.every(({ lines, bytes }) => lines === 3 && bytes === 30))
  nowMs += 3_600_000
  t.same(notes.slotsOf('a'), [])
})
