import { join } from 'node:path'
import { type Test, test } from 'tap'
import { openSqliteCatalog, type SqliteCatalog } from '../../src/catalog/sqlite.ts'
import { openDeleteRegistry } from '../../src/deletes/delete-registry.ts'
import { deleteRequestsMax, processedDeletesKeptMs } from '../../src/limits.ts'

function openCatalog(t: Test): SqliteCatalog {
  const catalog = openSqliteCatalog(join(t.testdir(), 'catalog.sqlite'))
  t.teardown(() => catalog.close())
  return catalog
}

const wanted = (tenant: string, query = '{app="x"}') => ({ tenant, query, startMs: 10, endMs: 20 })
const range = (startNs: bigint, endNs: bigint) => ({ startNs, endNs })
const all = range(0n, 1_000_000_000n)

test('a request is a rule until it is processed, even across restarts', async t => {
  const catalog = openCatalog(t)
  const options = { requests: catalog.deleteRequests, clock: { now: () => 1000 } }
  const registry = await openDeleteRegistry(options)
  await registry.add(wanted('a'))
  await registry.add(wanted('a', '{app="x"} |= "y"'))
  await registry.add(wanted('b'))
  const [first, second] = await registry.list('a')
  t.match(first, { state: 'received', sequence: 0, createdMs: 1000, query: '{app="x"}' })
  t.same(
    registry.rulesFor('a', all).map(({ id, log }) => [id, log.stages.length === 0]),
    [
      [first!.id, true],
      [second!.id, false],
    ],
  )
  t.equal(registry.rulesFor('a', range(20_000_000n, 20_000_001n)).length, 2, 'the end is included')
  t.same(registry.rulesFor('a', range(20_000_001n, 30_000_000n)), [])
  t.same(registry.rulesFor('a', range(0n, 10_000_000n)), [], 'the end of a query is not')
  t.same(registry.rulesFor('c', all), [])

  await registry.begin('a', [first!.id], 7)
  t.equal(registry.rulesFor('a', all).length, 2, 'entries stay hidden while they are being removed')
  const again = await openDeleteRegistry(options)
  t.same(
    again.pending('a').map(({ request }) => [request.state, request.sequence]),
    [
      ['processing', 7],
      ['received', 0],
    ],
  )
  await again.finish('a', [first!.id], 7)
  t.same(
    again.rulesFor('a', all).map(({ id }) => id),
    [second!.id],
  )
  await again.cancel('a', second!.id)
  t.same(again.tenants, ['b'])
  t.same(
    (await again.list('a')).map(({ state }) => state),
    ['processed'],
  )
})

test('processed requests are forgotten after some weeks, waiting ones never', async t => {
  const catalog = openCatalog(t)
  const clock = { ms: 1000, now: () => clock.ms }
  const options = { requests: catalog.deleteRequests, clock }
  const registry = await openDeleteRegistry(options)
  await registry.add(wanted('a'))
  await registry.add(wanted('a'))
  const [first] = await registry.list('a')
  await registry.finish('a', [first!.id], 1)
  clock.ms += processedDeletesKeptMs
  t.equal((await (await openDeleteRegistry(options)).list('a')).length, 2)
  clock.ms += 1
  t.same(
    (await (await openDeleteRegistry(options)).list('a')).map(({ state }) => state),
    ['received'],
  )
})

test('the number of waiting requests per tenant is limited', async t => {
  const catalog = openCatalog(t)
  const registry = await openDeleteRegistry({
    requests: catalog.deleteRequests,
    clock: { now: () => 1 },
  })
  for (let i = 0; i < deleteRequestsMax; i++) await registry.add(wanted('a'))
  await t.rejects(registry.add(wanted('a')), {
    code: 'DELETES_TOO_MANY',
    message: /more than 1000 delete requests/,
  })
  await registry.add(wanted('b'))
  t.equal((await registry.list('a')).length, deleteRequestsMax)
})
