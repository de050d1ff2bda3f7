import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { Compactor } from '../../src/compaction/compactor.ts'
import { DeleteSweep } from '../../src/compaction/delete-sweep.ts'
import { openDeleteRegistry } from '../../src/deletes/delete-registry.ts'
import {
  acceptedStream,
  createTestLogger,
  dayNs,
  midnightNs,
  openStorage,
  type Row,
  type StorageParts,
} from '../harness.ts'
import { readAllRows, readSegment, segmentNames } from '../segment-rows.ts'

const midnightMs = Number(midnightNs / 1_000_000n)
const dayMs = 86_400_000

const row = (ms: number, line: string): Row => [midnightNs + BigInt(ms) * 1_000_000n, line]

async function openParts(
  t: Test,
  storage: StorageParts,
  options: { cancelPeriodMs?: number } = {},
) {
  const { catalog, segments, nextSequence, segmentsDir } = storage
  const { logger, messages } = createTestLogger()
  const clock = { ms: Date.now(), now: () => clock.ms }
  const registry = await openDeleteRegistry({ requests: catalog.deleteRequests, clock })
  const deletes = new DeleteSweep({
    ...{ catalog, segments, registry, logger, clock, nextSequence },
    cancelPeriodMs: options.cancelPeriodMs ?? 0,
    mayDelete: () => true,
  })
  const worker = { directory: segmentsDir, logLevelFields: ['level'] }
  const parts = { catalog, segments, logger, clock, nextSequence, worker, deletes }
  const compactor = new Compactor(parts)
  t.teardown(() => compactor.close())
  const remove = (query: string, [startMs, endMs] = [midnightMs, midnightMs + dayMs]) =>
    registry.add({ tenant: 'a', query, startMs: startMs!, endMs: endMs! })
  const states = async () => (await registry.list('a')).map(({ state }) => state)
  const lines = async () => (await readAllRows(segmentsDir)).map(({ line }) => line).sort()
  return { registry, deletes, compactor, clock, messages, remove, states, lines }
}

test('a request waits until it can no longer be cancelled', async t => {
  const storage = await openStorage(t)
  const parts = await openParts(t, storage, { cancelPeriodMs: 1000 })
  await storage.push('a', acceptedStream({ app: 'x' }, [row(1, 'one'), row(2, 'two')]))
  await parts.remove('{app="x"} |= "one"')
  await parts.compactor.flush()
  t.same(await parts.lines(), ['one', 'two'])
  t.same(await parts.states(), ['received'])
  parts.clock.ms += 1000
  await parts.compactor.flush()
  t.same(await parts.lines(), ['two'])
  t.same(await parts.states(), ['processed'])
})

test('only segments with entries of a request are rewritten', async t => {
  const storage = await openStorage(t)
  const parts = await openParts(t, storage)
  const { catalog, segmentsDir } = storage
  for (const [i, tenant] of ['a', 'a', 'a', 'b'].entries()) {
    const labels = i === 1 ? { app: 'y' } : { app: 'x' }
    const line = i === 2 ? 'secret' : `line ${i}`
    await storage.push(tenant, acceptedStream(labels, [row(i, line)]))
    await parts.compactor.flush()
  }
  const before = await segmentNames(segmentsDir)
  await parts.remove('{app="x"} |= "secret"')
  await parts.compactor.flush()
  const after = await segmentNames(segmentsDir)
  t.same(
    after,
    before.filter((_, i) => i !== 2),
    'one segment is gone: its only entry was asked for',
  )
  t.same(await parts.lines(), ['line 0', 'line 1', 'line 3'])
  t.same(await catalog.listDropped(), [])
  t.same(await parts.states(), ['processed'])
})

test('rows next to deleted ones keep their order, metadata and place', async t => {
  const storage = await openStorage(t)
  const parts = await openParts(t, storage)
  const rows = Array.from({ length: 5000 }, (_, i): Row => {
    const [timeNs, line] = row(i, `line ${i} ${'x'.repeat(100)}`)
    return i % 3 === 0 ? [timeNs, line, { trace: `t${i}` }] : [timeNs, line]
  })
  await storage.push('a', acceptedStream({ app: 'x' }, rows), acceptedStream({ app: 'z' }, rows))
  await parts.compactor.flush()
  const [name] = await segmentNames(storage.segmentsDir)
  const before = await readSegment(storage.segmentsDir, name!)
  await parts.remove('{app="x"} |~ "line \\\\d*7 "', [midnightMs + 100, midnightMs + 2999])
  await parts.compactor.flush()
  const [again] = await segmentNames(storage.segmentsDir)
  t.not(again, name)
  const after = await readSegment(storage.segmentsDir, again!)
  const isDeleted = ({ labels, timeNs, line }: (typeof before.rows)[number]) => {
    const ms = Number((timeNs - midnightNs) / 1_000_000n)
    return labels === '{app="x"}' && ms >= 100 && ms <= 2999 && /line \d*7 /.test(line)
  }
  t.equal(before.rows.filter(isDeleted).length, 290)
  t.same(
    after.rows,
    before.rows.filter(found => !isDeleted(found)),
  )
  t.same([after.footer.level, after.footer.sequence], [before.footer.level, before.footer.sequence])
  t.same(after.footer.replaces, [name])
})

test('several days are processed one by one, and a cancelled request ends', async t => {
  const storage = await openStorage(t)
  const parts = await openParts(t, storage)
  for (const day of [0, 1, 2, 3]) {
    const at = midnightNs + BigInt(day) * dayNs
    await storage.push(
      'a',
      acceptedStream({ app: 'x' }, [
        [at, `day ${day}`],
        [at + 1n, 'stays'],
      ]),
    )
  }
  await parts.compactor.flush()
  await parts.remove('{app="x"} |= "day"', [midnightMs, midnightMs + 4 * dayMs])
  const [request] = await parts.registry.list('a')
  t.equal(parts.deletes.percentOf('a', request!.id), undefined)
  const step = await parts.deletes.next()
  t.match(step, { isRewrite: true, outputs: [{ tenant: 'a' }] })
  t.equal(parts.deletes.percentOf('a', request!.id), 0)
  t.same(await parts.states(), ['processing'])
  t.equal(parts.deletes.rulesOf('a').length, 1, 'every merge leaves its entries out')
  await parts.registry.cancel('a', request!.id)
  parts.deletes.cancel('a', request!.id)
  t.same(parts.deletes.rulesOf('a'), [])
  await parts.compactor.flush()
  t.equal((await parts.lines()).length, 8)
  await parts.remove('{app="x"} |= "day"', [midnightMs, midnightMs + 4 * dayMs])
  await parts.compactor.flush()
  t.same(await parts.lines(), ['stays', 'stays', 'stays', 'stays'])
})

test('an unreadable block does not block the others, and never comes back', async t => {
  const storage = await openStorage(t)
  const parts = await openParts(t, storage)
  await storage.push('a', acceptedStream({ app: 'x' }, [row(1, 'x'.repeat(1000))]))
  await parts.compactor.flush()
  const [name] = await segmentNames(storage.segmentsDir)
  const path = join(storage.segmentsDir, name!)
  const { bytes, footer } = await readSegment(storage.segmentsDir, name!)
  const { offsetBytes } = footer.parts[0]!.blocks[0]!
  bytes.fill(0x55, offsetBytes, offsetBytes + 8)
  writeFileSync(path, bytes)
  await storage.push('a', acceptedStream({ app: 'y' }, [row(1, 'gone'), row(2, 'stays')]))
  await parts.remove('{app=~".+"} !~ "stays"')
  for (let i = 0; i < 3; i++) {
    await parts.compactor.flush()
    parts.clock.ms += 60_000
  }
  t.ok(parts.messages().some(text => text.startsWith('blocks of a segment are damaged')))
  t.same(await parts.lines(), ['stays'])
  t.same(await parts.states(), ['processed'])
  t.same(await segmentNames(join(storage.dir, 'quarantine')), [name])
})

test('a sweep continues where it stopped', async t => {
  const storage = await openStorage(t)
  const parts = await openParts(t, storage)
  for (const day of [0, 1]) {
    await storage.push(
      'a',
      acceptedStream({ app: 'x' }, [[midnightNs + BigInt(day) * dayNs, 'gone']]),
    )
  }
  await parts.compactor.flush()
  await parts.remove('{app="x"} |= "gone"', [midnightMs, midnightMs + 2 * dayMs])
  await parts.deletes.next()
  await parts.compactor.close()
  const again = await openParts(t, storage)
  t.equal(again.deletes.rulesOf('a').length, 1)
  await again.compactor.flush()
  t.same(await again.states(), ['processed'])
  t.same(await again.lines(), [])
})
