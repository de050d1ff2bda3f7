import { join } from 'node:path'
import Database from 'better-sqlite3'
import { test } from 'tap'
import type { DeleteRequest } from '../../src/catalog/delete-requests.ts'
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts'
import { StorageUnavailableError } from '../../src/errors.ts'

const request = (id: string, more: Partial<DeleteRequest> = {}): DeleteRequest => ({
  ...{ id, tenant: 'a', query: '{app="x"}', startMs: -5, endMs: 20, createdMs: 100 },
  ...{ state: 'received', sequence: 0 },
  ...more,
})

test('requests survive a restart unchanged, oldest first', async t => {
  const path = join(t.testdir(), 'catalog.sqlite')
  const catalog = openSqliteCatalog(path)
  const { deleteRequests } = catalog
  t.equal(await deleteRequests.add(request('2', { createdMs: 200 })), true)
  t.equal(await deleteRequests.add(request('1')), true)
  t.equal(await deleteRequests.add(request('3')), true)
  t.equal(await deleteRequests.add(request('1', { query: '{app="y"}' })), false, 'the id is taken')
  t.equal(await deleteRequests.add(request('1', { tenant: 'b' })), true, 'ids are of a tenant')
  await deleteRequests.setState('a', ['1', '3'], { state: 'processing', sequence: 9 })
  await deleteRequests.setState('a', ['3'], { state: 'processed', sequence: 9 })
  await deleteRequests.remove('b', '1')
  await catalog.close()
  const again = openSqliteCatalog(path)
  t.teardown(() => again.close())
  const listed = [
    request('1', { state: 'processing', sequence: 9 }),
    request('3', { state: 'processed', sequence: 9 }),
    request('2', { createdMs: 200 }),
  ]
  t.same(await again.deleteRequests.list('a'), listed)
  t.same(await again.deleteRequests.list('b'), [])
  t.same(
    (await again.deleteRequests.listPending()).map(({ id }) => id),
    ['1', '2'],
  )
  await again.deleteRequests.forgetProcessed(100)
  t.equal((await again.deleteRequests.list('a')).length, 3)
  await again.deleteRequests.forgetProcessed(101)
  t.same(
    (await again.deleteRequests.list('a')).map(({ id }) => id),
    ['1', '2'],
  )
})

test('a request that cannot be written is not kept', async t => {
  const path = join(t.testdir(), 'catalog.sqlite')
  const catalog = openSqliteCatalog(path)
  t.teardown(() => catalog.close())
  const other = new Database(path)
  other.exec('BEGIN IMMEDIATE')
  await t.rejects(catalog.deleteRequests.add(request('1')), StorageUnavailableError)
  other.exec('ROLLBACK')
  other.close()
  t.same(await catalog.deleteRequests.list('a'), [])
  t.equal(await catalog.deleteRequests.add(request('1')), true)
})
