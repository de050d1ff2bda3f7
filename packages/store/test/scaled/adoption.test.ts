import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLabelSet, formatLabelSet } from '@skald/wire'
import { t as root, type Test, test } from 'tap'
import { createPostgres, noPostgres } from '../../../../test/postgres-server.ts'
import { Adoption } from '../../src/scaled/adoption.ts'
import { collect } from '../../src/scaled/collector.ts'
import { FoundSegments } from '../../src/scaled/found-segments.ts'
import type { Database } from '../../src/scaled/postgres.ts'
import {
  type CancelledRequest,
  type KnownBefore,
  restoreLost,
} from '../../src/scaled/restore-lost.ts'
import { sharedSegmentKey } from '../../src/scaled/shared-objects.ts'
import { segmentName } from '../../src/segment/name.ts'
import { SegmentWriter } from '../../src/segment/writer.ts'
import { MemoryBucket } from '../bucket/memory-bucket.ts'
import { createTestLogger } from '../harness.ts'
import { readSegmentBytes } from '../segment-rows.ts'
import { beginMerge, day, dayRange, openShared } from './shared-catalogs.ts'

root.setTimeout(180_000)

/** Returns the name and the bytes of a segment with some lines. */
function segmentOf(
  number: number,
  lines: readonly string[],
  { level = 0, replaces = [] as readonly string[] } = {},
) {
  const sequence = 1_000_000_000_000_000 + number
  const writer = new SegmentWriter('zstd')
  const labelsText = formatLabelSet(createLabelSet({ app: 'x' }))
  const minNs = dayRange.startNs
  const columns = {
    ...{ flags: 0, sequence, minNs, maxNs: minNs + BigInt(lines.length - 1), metadata: undefined },
    timestamps: Float64Array.from(lines, (_, i) => i),
    lengths: Uint32Array.from(lines, line => Buffer.byteLength(line)),
    lines: Buffer.from(lines.map(line => `${line}\n`).join('')),
  }
  const pieces = [writer.header, ...writer.add({ tenant: 'a', day, labelsText }, columns)]
  const head = { level, sequence: level === 0 ? sequence : 2, replaces }
  return {
    name: segmentName(sequence, level),
    bytes: Buffer.concat([...pieces, ...writer.finish(head).pieces]),
  }
}

async function openParts(t: Test) {
  const postgres = await createPostgres(t)
  const { catalog, database } = await openShared(t, postgres.url)
  const bucket = new MemoryBucket()
  const directory = mkdtempSync(join(tmpdir(), 'skald-adoption-'))
  const { logger, messages } = createTestLogger()
  let number = 900
  const nextSequence = () => 1_000_000_000_000_000 + number++
  const found = new FoundSegments({ bucket, directory, logLevelFields: [], nextSequence })
  const adoption = new Adoption({ database, bucket, catalog, found, logger })
  const put = ({ name, bytes }: { readonly name: string; readonly bytes: Buffer }) =>
    bucket.objects.set(sharedSegmentKey(name), bytes)
  const names = async () => {
    await catalog.sync()
    return (await catalog.listSegments()).map(({ name }) => name)
  }
  const looks = async () => {
    await adoption.look()
    return adoption.look()
  }
  const run = (delayMs: number) =>
    collect({
      ...{ database, bucket, directory, logger, delayMs },
      copyTo: path => catalog.copyTo(path),
    })
  const restore = (known: readonly KnownBefore[], cancelled: readonly CancelledRequest[] = []) =>
    restoreLost(
      {
        ...{ database, bucket, catalog, found, logger, epoch: 0 },
        takeEpoch: async () => undefined,
      },
      known,
      cancelled,
    )
  const parts = { database, found, logger }
  return {
    ...parts,
    postgres,
    catalog,
    bucket,
    adoption,
    put,
    names,
    looks,
    run,
    restore,
    messages,
  }
}

const ruleGroup = (name: string, text: string) => ({ tenant: 'a', namespace: 'n', name, text })

test('a repair that failed while the database was away goes on at once', {
  skip: noPostgres,
}, async t => {
  const { bucket, catalog, database, found, logger } = await openParts(t)
  let isAway = false
  const away: typeof database.query = async () => {
    throw new Error('the database is away')
  }
  const failing: Database = {
    query: statement => (isAway ? away(statement) : database.query(statement)),
    close: () => database.close(),
  }
  const parts = { bucket, catalog, found, logger, epoch: 1 }
  const failed = restoreLost(
    {
      ...{ ...parts, database: failing },
      takeEpoch: async () => {
        isAway = true
        throw new Error('the database is away')
      },
    },
    [],
  )
  await t.rejects(failed, { message: 'the database is away' })
  const startMs = performance.now()
  // It has another number by now.
  await restoreLost({ ...parts, database, epoch: 2, takeEpoch: async () => undefined }, [])
  t.ok(performance.now() - startMs < 3000, 'it does not wait for its own lease')
})

test('objects that the catalog does not know', { skip: noPostgres }, async t => {
  const { postgres, catalog, bucket, adoption, put, names, looks, run, messages } =
    await openParts(t)

  await t.test('are entered at the second look', async t => {
    const one = segmentOf(1, ['first', 'second'])
    put(one)
    t.equal((await adoption.look()).entered, 0, 'a commit may be under way')
    t.equal((await adoption.look()).entered, 1)
    t.same(await names(), [one.name])
    t.same([...(await catalog.findStreams('a', [], dayRange)).keys()], ['{app="x"}'])
    t.equal(catalog.numberOf(one.name), 0, 'it may be older than delete requests')
    t.equal((await looks()).entered, 0)
    const again = { name: one.name, level: 0, sequence: 0, version: 2, sizeBytes: 1, createdMs: 0 }
    await catalog.addSegments([{ ...again, parts: [] }], [])
    t.same(await names(), [one.name], 'its own commit comes later, and changes nothing')
  })

  await t.test(
    'are not entered if a merge has replaced them, also after their rows went',
    async t => {
      const [input] = await names()
      const merged = segmentOf(2, ['first', 'second'], { level: 1, replaces: [input!] })
      put(merged)
      const ticket = await beginMerge(catalog, [input!], merged)
      t.equal((await looks()).left, 0, 'its merge is under way')
      const added = {
        name: merged.name,
        level: 1,
        sequence: 2,
        version: 2,
        sizeBytes: 1,
        createdMs: 0,
      }
      await catalog.addSegments([{ ...added, parts: [] }], [input!], ticket)
      const bytes = bucket.objects.get(sharedSegmentKey(input!))!
      t.equal((await looks()).entered, 0, 'it is removed')
      await run(0)
      t.notOk(bucket.objects.has(sharedSegmentKey(input!)))
      put({ name: input!, bytes })
      t.equal((await looks()).entered, 0, 'an upload that arrives late')
      await postgres.sql("UPDATE skald.segments SET deleted_at = deleted_at - interval '2 hours'")
      await run(0)
      t.equal((await looks()).entered, 0)
      t.same(await names(), [merged.name])
      t.equal(await postgres.sql('SELECT count(*) FROM skald.segments'), '1')
    },
  )

  await t.test('are not entered if rows are forgotten between list and transaction', async t => {
    const raced = segmentOf(3, ['raced'])
    put(raced)
    await adoption.look()
    bucket.onRequest = async request => {
      if (request.startsWith('list'))
        await postgres.sql('UPDATE skald.head SET forgotten = forgotten + 1')
    }
    await t.rejects(adoption.look(), { code: 'CHANGE_REFUSED', reason: 'forgotten' })
    bucket.onRequest = () => undefined
    t.notOk((await names()).includes(raced.name))
    t.equal((await adoption.look()).entered, 1)
    t.ok((await names()).includes(raced.name))
  })

  await t.test('lose the rows that a finished delete request has removed', async t => {
    const request = {
      ...{ id: 'd', tenant: 'a', query: '{app="x"} |= "secret"', createdMs: 1, sequence: 0 },
      ...{ startMs: 0, endMs: Number(dayRange.endNs / 1_000_000n), state: 'received' as const },
    }
    await catalog.deleteRequests.add(request)
    for (const state of ['processing', 'processed'] as const)
      await catalog.deleteRequests.setState('a', ['d'], { state, sequence: 0 })
    const [mixed, clean] = [segmentOf(4, ['keep', 'a secret']), segmentOf(5, ['clean'])]
    put(mixed)
    put(clean)
    const before = await names()
    const summary = await looks()
    t.same([summary.entered, summary.left], [2, 1])
    await catalog.sync()
    const level0 = (await catalog.listSegments()).filter(({ level }) => level === 0)
    const sequences = level0.map(({ sequence }) => sequence)
    t.equal(new Set(sequences).size, level0.length, 'each has its place in the order')
    t.equal(sequences.at(-1), catalog.version)
    const fresh = (await names()).filter(name => !before.includes(name))
    t.ok(fresh.includes(clean.name), 'others stay as they are')
    const [rewritten] = fresh.filter(name => name !== clean.name)
    const bytes = bucket.objects.get(sharedSegmentKey(rewritten!))!
    const { rows } = await readSegmentBytes(rewritten!, bytes)
    t.same(
      rows.map(({ line }) => line),
      ['keep'],
    )
    t.equal((await looks()).entered, 0)
    await run(0)
    t.notOk(bucket.objects.has(sharedSegmentKey(mixed.name)), 'what it was made from goes')
  })

  await t.test('stay in the bucket if they are damaged or in doubt', async t => {
    const damaged = segmentOf(6, ['damaged'])
    damaged.bytes[10]! ^= 1
    const doubtful = segmentOf(7, ['doubtful'], { level: 1, replaces: [segmentName(77, 0)] })
    const undone = segmentOf(8, ['clean'], { level: 1, replaces: [(await names()).at(-1)!] })
    for (const one of [damaged, doubtful, undone]) put(one)
    const before = await names()
    const summary = await looks()
    t.same([summary.entered, summary.left, summary.damaged], [0, 1, 1])
    t.same(await names(), before)
    await run(0)
    t.ok(bucket.objects.has(sharedSegmentKey(damaged.name)))
    t.ok(bucket.objects.has(sharedSegmentKey(doubtful.name)))
    t.notOk(
      bucket.objects.has(sharedSegmentKey(undone.name)),
      'an output of a merge that was undone',
    )
    t.match(messages().join('\n'), /damaged segment/)
    t.match(messages().join('\n'), /what they replace is gone/)
  })
})

test('a process that was not seen for long enters nothing', { skip: noPostgres }, async t => {
  const { postgres, catalog, names } = await openParts(t)
  await postgres.sql("UPDATE skald.replicas SET seen = now() - interval '1 hour'")
  const { name } = segmentOf(1, ['late'])
  const late = { name, level: 0, sequence: 0, version: 2, sizeBytes: 1, createdMs: 0, parts: [] }
  await t.rejects(catalog.addSegments([late], []), { code: 'CHANGE_REFUSED', reason: 'epoch' })
  t.same(await names(), [])
})

test('what a database has lost for longer than objects are kept', { skip: noPostgres }, async t => {
  const { postgres, catalog, bucket, put, names, run, restore } = await openParts(t)
  const [kept, gone, lost] = [
    segmentOf(1, ['kept']),
    segmentOf(2, ['gone']),
    segmentOf(3, ['lost']),
  ]
  const entered = { level: 0, sequence: 0, version: 2, sizeBytes: 1, createdMs: 0, parts: [] }
  for (const { name } of [kept, gone, lost]) await catalog.addSegments([{ ...entered, name }], [])
  const merged = segmentOf(4, ['gone', 'later'], {
    level: 1,
    replaces: [gone.name, segmentName(1_000_000_000_000_077, 0)],
  })
  const undone = segmentOf(5, ['kept'], { level: 1, replaces: [kept.name] })
  const [late, early] = [segmentOf(6, ['late']), segmentOf(7, ['early'])]
  for (const one of [kept, merged, undone, late, early]) put(one)
  const request = { tenant: 'a', query: '{app="x"}', startMs: 0, endMs: 9, createdMs: 1 }
  const received = { ...request, state: 'received', sequence: 0 } as const
  await catalog.deleteRequests.add({ ...received, id: 'cancelled' })
  const known = {
    version: 500,
    sequences: new Map([
      [early.name, 490],
      [late.name, 491],
    ]),
    requests: [{ ...received, id: 'done', state: 'processed' as const, sequence: 450 }],
    ruleGroups: [ruleGroup('kept', 'older'), ruleGroup('lost', 'as it was')],
  }
  await catalog.changeRules({ kind: 'rule-group-set', group: ruleGroup('kept', 'newer') })
  const summary = await restore([known], [{ tenant: 'a', id: 'cancelled' }])
  t.same(summary, { entered: 3, left: 1, missing: 1, damaged: 0 })
  t.same(await names(), [kept.name, merged.name, early.name, late.name])
  const sequences = (await catalog.listSegments()).map(({ sequence }) => sequence)
  t.ok(sequences.at(-2)! > 500, 'what comes back is above all that was given out')
  t.same([...(await catalog.findStreams('a', [], dayRange)).keys()], ['{app="x"}'])
  const requests = await catalog.deleteRequests.list('a')
  t.same(requests, [{ ...received, id: 'done' }], 'it is carried out again')
  const texts = catalog.copy.rules.listGroups().map(({ name, text }) => `${name} ${text}`)
  t.same(texts, ['kept newer', 'lost as it was'])
  const epoch = await postgres.sql("INSERT INTO skald.replicas (name) VALUES ('b') RETURNING epoch")
  t.ok(Number(epoch) > 1000, 'numbers of lost processes are not given out again')

  const again = await restore([known])
  t.same(again, { entered: 0, left: 0, missing: 0, damaged: 0 })
  await run(0)
  t.notOk(bucket.objects.has(sharedSegmentKey(undone.name)))
  t.ok(bucket.objects.has(sharedSegmentKey(merged.name)))
})
