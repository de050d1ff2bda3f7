import { join } from 'node:path'
import { test } from 'tap'
import type { DeleteRequest } from '../../src/catalog/delete-requests.ts'
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts'
import { KeptDeleteRequests } from '../../src/deletes/kept-delete-requests.ts'

const request: DeleteRequest = {
  ...{ id: '1', tenant: 'a', query: '{a="b"}', startMs: 0, endMs: 1, createdMs: 2 },
  ...{ state: 'received', sequence: 0 },
}

test('a request counts once it is safe, and a cancelled one is gone once that is safe', async t => {
  const catalog = openSqliteCatalog(join(t.testdir(), 'catalog.sqlite'))
  t.teardown(() => catalog.close())
  let failure: Error | undefined
  /** What each copy had. */
  const copies: number[] = []
  const requests = new KeptDeleteRequests(catalog.deleteRequests, async () => {
    if (failure) throw failure
    copies.push((await catalog.deleteRequests.list('a')).length)
  })
  failure = new Error('the bucket is away')
  await t.rejects(requests.add(request), {
    code: 'STORAGE_UNAVAILABLE',
    message: 'Cannot store a delete request: the bucket is away',
  })
  t.same(await requests.list('a'), [], 'it was refused')
  failure = undefined
  t.equal(await requests.add(request), true)
  t.equal(await requests.add(request), false, 'the id is taken')
  failure = new Error('the bucket is away')
  await t.rejects(requests.remove('a', '1'), { code: 'STORAGE_UNAVAILABLE' })
  t.same(await requests.listPending(), [request], 'it still hides its entries')
  failure = undefined
  await requests.remove('a', '1')
  t.same(await requests.list('a'), [])
  t.same(copies, [1, 0])
})
