import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { t as root, test } from 'tap'
import { createPostgres, noPostgres } from '../../../../test/postgres-server.ts'
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts'
import { type CollectorParts, collect } from '../../src/scaled/collector.ts'
import { Leases } from '../../src/scaled/leases.ts'
import { bringSharedCopy, listSharedCopies } from '../../src/scaled/shared-copies.ts'
import { sharedSegmentKey } from '../../src/scaled/shared-objects.ts'
import { MemoryBucket } from '../bucket/memory-bucket.ts'
import { createTestLogger } from '../harness.ts'
import { beginMerge, openShared, segment } from './shared-catalogs.ts'

root.setTimeout(180_000)

test('the collector deletes what nothing needs, and nothing else', {
  skip: noPostgres,
}, async t => {
  const postgres = await createPostgres(t)
  const { catalog, database } = await openShared(t, postgres.url)
  const bucket = new MemoryBucket()
  const directory = mkdtempSync(join(tmpdir(), 'skald-collector-'))
  const { logger } = createTestLogger()
  const run = (delayMs: number) =>
    collect({
      ...{ database, bucket, directory, logger, delayMs },
      copyTo: path => catalog.copyTo(path),
    })
  const put = (name: string) => bucket.objects.set(sharedSegmentKey(name), Buffer.from(name))
  const kept = () =>
    [...bucket.objects.keys()]
      .filter(key => key.endsWith('.seg'))
      .map(key => key.slice(sharedSegmentKey('').length))

  const [first, second] = [segment(1, ['x']), segment(2, ['x'])]
  const merged = segment(3, [], { level: 1, sequence: 2 })
  const unknown = segment(99, [])
  for (const { name } of [first, second, merged, unknown]) put(name)
  await catalog.addSegments([first], [])
  await catalog.addSegments([second], [])
  await catalog.sync()
  await catalog.addSegments(
    [merged],
    [first.name, second.name],
    await beginMerge(catalog, [first.name, second.name], merged),
  )
  await run(60_000)
  t.equal(kept().length, 4, 'inputs stay for a while')
  await run(0)
  t.same(kept(), [merged.name, unknown.name], 'what the catalog does not know stays')
  const rows = () => postgres.sql('SELECT count(*) FROM skald.segments')
  t.equal(await rows(), '3', 'their rows are kept')
  put(first.name)
  await run(0)
  t.ok(kept().includes(first.name), 'an upload that arrives late')
  await postgres.sql("UPDATE skald.segments SET deleted_at = deleted_at - interval '2 hours'")
  await run(0)
  t.same(kept(), [merged.name, unknown.name], 'goes before the row does')
  t.equal(await rows(), '1')
  t.equal(await postgres.sql('SELECT forgotten FROM skald.head'), '1')

  const output = segment(4, [], { level: 2, sequence: 2 })
  put(output.name)
  const ticket = await beginMerge(catalog, [merged.name], output)
  await run(0)
  t.ok(kept().includes(output.name), 'its merge is under way')
  await postgres.sql("UPDATE skald.jobs SET expires = now() - interval '1 second'")
  bucket.isAway = true
  await t.rejects(run(0), { code: 'BUCKET_UNAVAILABLE' })
  await t.rejects(catalog.addSegments([output], [merged.name], ticket), {
    code: 'CHANGE_REFUSED',
    reason: 'job',
  })
  bucket.isAway = false
  await run(0)
  t.same(kept(), [merged.name, unknown.name], 'its merge was given up')
  t.equal(await postgres.sql('SELECT count(*) FROM skald.jobs'), '0')

  put(output.name)
  await catalog.giveUpMerge(ticket)
  await run(0)
  t.same(
    kept(),
    [merged.name, unknown.name],
    'it wrote its output after that, and gave it up itself',
  )
  t.equal(await postgres.sql('SELECT count(*) FROM skald.jobs'), '0')

  await postgres.sql(
    "UPDATE skald.head SET copied_at = now() - interval '1 day'; UPDATE skald.changes SET entered = now() - interval '1 day'",
  )
  await run(0)
  const path = join(directory, 'brought.sqlite')
  const [copy] = await listSharedCopies(bucket)
  t.ok(await bringSharedCopy({ bucket, directory, logger }, copy!, path))
  const brought = openSqliteCatalog(path)
  const { copiedVersion } = brought
  t.equal(copiedVersion, catalog.version)
  t.same(
    (await brought.listSegments()).map(({ name }) => name),
    [merged.name],
  )
  await brought.close()
  t.equal(await postgres.sql('SELECT floor FROM skald.head'), '0', 'no older copy has the changes')
  await catalog.addSegments([segment(5, ['x'])], [])
  await catalog.sync()
  await postgres.sql("UPDATE skald.head SET copied_at = now() - interval '1 day'")
  await run(0)
  t.equal(await postgres.sql('SELECT floor FROM skald.head'), String(copiedVersion - 1))
  t.equal(bucket.objects.size, 4, 'two segments, two copies')
})

test('a collector that ends or fails at any of its calls leaves nothing undone for the next', {
  skip: noPostgres,
}, async t => {
  const postgres = await createPostgres(t)
  const { catalog, database } = await openShared(t, postgres.url)
  const directory = mkdtempSync(join(tmpdir(), 'skald-collector-'))
  const { logger } = createTestLogger()
  let number = 0
  for (let at = 1, isReached = true; isReached; at++) {
    for (const mode of ['before', 'after'] as const) {
      const bucket = new MemoryBucket()
      const next = (level = 0) => segment(++number, level ? [] : ['x'], { level, sequence: number })
      const inputs = [next(), next()]
      const [merged, lost] = [next(1), next(1)]
      for (const { name } of [...inputs, merged, lost])
        bucket.objects.set(sharedSegmentKey(name), Buffer.from(name))
      for (const input of inputs) await catalog.addSegments([input], [])
      await catalog.sync()
      const names = inputs.map(({ name }) => name)
      await catalog.addSegments([merged], names, await beginMerge(catalog, names, merged))
      await catalog.giveUpMerge(await beginMerge(catalog, [merged.name], lost))

      let calls = 0
      const fail = async <T>(work: () => Promise<T>): Promise<T> => {
        const isLast = ++calls === at
        if (isLast && mode === 'before') throw new Error('it ends')
        const result = await work()
        if (isLast) throw new Error('it ends')
        return result
      }
      const faulty: Pick<CollectorParts, 'database' | 'bucket'> = {
        database: {
          query: statement => fail(() => database.query(statement)),
          close: () => database.close(),
        },
        bucket: Object.create(bucket, {
          delete: { value: (key: string) => fail(() => bucket.delete(key)) },
        }) as MemoryBucket,
      }
      const copyTo = (path: string) => catalog.copyTo(path)
      const parts = { database, bucket, directory, logger, delayMs: 0, copyTo }
      await collect({ ...parts, ...faulty }).catch(() => undefined)
      isReached = calls >= at
      t.ok(bucket.objects.has(sharedSegmentKey(merged.name)))
      await collect(parts)
      t.same([...bucket.objects.keys()], [sharedSegmentKey(merged.name)], `${mode} call ${at}`)
      t.equal(await postgres.sql('SELECT count(*) FROM skald.jobs'), '0')
      const live = 'SELECT count(*) FROM skald.segments WHERE removed IS NULL'
      t.equal(await postgres.sql(live), '1')
      const toDelete =
        'SELECT count(*) FROM skald.segments WHERE removed IS NOT NULL AND deleted_at IS NULL'
      t.equal(await postgres.sql(toDelete), '0')
      await catalog.addSegments([], [merged.name])
      await collect(parts)
    }
  }
})

test('a lease has one holder, until it ends or is released', { skip: noPostgres }, async t => {
  const postgres = await createPostgres(t)
  const { database } = await openShared(t, postgres.url)
  const leasesOf = (epoch: number) =>
    new Leases({ database, epoch: () => epoch, job: () => undefined })
  const [one, two] = [leasesOf(1), leasesOf(2)]
  await one.renew()
  await two.renew()
  t.same([one.turnOf('compaction'), two.turnOf('compaction')], ['new', 'no'])
  await one.renew()
  t.equal(one.turnOf('compaction'), 'mine')
  await postgres.sql("UPDATE skald.leases SET expires = now() - interval '1 second'")
  await two.renew()
  await one.renew()
  t.same([one.turnOf('compaction'), two.turnOf('compaction')], ['no', 'new'])
  await two.release()
  await one.renew()
  t.same([one.turnOf('compaction'), two.turnOf('compaction')], ['new', 'no'])
})
