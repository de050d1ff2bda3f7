import { existsSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { type Test, test } from 'tap'
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts'
import { openCatalogReader } from '../../src/catalog/sqlite-reader.ts'
import { segmentName } from '../../src/segment/name.ts'
import { rebuildCatalog } from '../../src/upkeep/rebuild.ts'
import { verifyDirectory } from '../../src/upkeep/verify.ts'
import { createTestLogger, startTestStore } from '../harness.ts'
import { identities, readAllRows, readSegment } from '../segment-rows.ts'
import { flipByte } from './damage.ts'
import { makeSmallStore, someDelete } from './small-store.ts'

async function rebuild(directory: string) {
  const { logger, messages } = createTestLogger()
  const summary = await rebuildCatalog({ directory, logger })
  return { summary, messages: messages() }
}

/** Makes a store that no process works with. */
async function makeResting(t: Test) {
  const store = await makeSmallStore(t)
  await store.catalog.close()
  return store
}

/** Returns everything that a catalog says, except when it was made. */
function contentOf(dir: string) {
  const database = new Database(join(dir, 'catalog.sqlite'), { readonly: true })
  const all = (sql: string) => database.prepare(sql).all()
  const content = {
    segments: all('SELECT name, level, sequence, version, size_bytes FROM segments ORDER BY name'),
    parts: all(
      `SELECT name, tenant, day, min_ns, max_ns, row_count, line_bytes
       FROM segment_parts JOIN segments ON id = segment_id ORDER BY name, tenant, day`,
    ),
    streams: all(
      `SELECT tenant, labels, day, min_ns, max_ns
       FROM streams JOIN stream_days ON id = stream_id ORDER BY tenant, labels, day`,
    ),
    pairs: all('SELECT tenant, name, value FROM label_pairs ORDER BY tenant, name, value'),
    deletes: all('SELECT * FROM delete_requests'),
    marks: all("SELECT * FROM marks WHERE name <> 'settled' ORDER BY name"),
    lost: all('SELECT * FROM lost_segments'),
  }
  database.close()
  return content
}

async function faults(directory: string): Promise<string[]> {
  const found: string[] = []
  const onFinding = ({ file, what }: { file: string; what: string }) =>
    void found.push(`${file}: ${what}`)
  await verifyDirectory({ directory, isDeep: true, onFinding })
  return found
}

test('a rebuilt catalog says what the old one said', async t => {
  const { dir } = await makeResting(t)
  const before = contentOf(dir)
  const { summary } = await rebuild(dir)
  t.match(summary, { segments: 3, streams: 6, deleteRequests: 1, setAside: 0, unread: [] })
  t.same(contentOf(dir), before)
  t.same(await faults(dir), [])
  t.notOk(existsSync(join(dir, 'catalog.sqlite.rebuilding')))

  const old = openCatalogReader(summary.oldCatalog!)
  t.equal(old.segments().length, 3, 'the old catalog is kept as a copy')
  old.close()
})

test('a write that a kill ended is deleted, unless the catalog that could tell is damaged', async t => {
  const unfinished = segmentName(900, 0)
  const sound = await makeResting(t)
  writeFileSync(join(sound.segmentsDir, unfinished), '')
  const { summary, messages } = await rebuild(sound.dir)
  t.match(summary, { segments: 3, setAside: 0, unread: [] })
  t.notOk(existsSync(join(sound.segmentsDir, unfinished)))
  t.match(messages, ['deleted an incomplete segment that was never acknowledged'])

  const damaged = await makeResting(t)
  writeFileSync(join(damaged.segmentsDir, unfinished), '')
  rmSync(join(damaged.dir, 'catalog.sqlite'))
  t.match((await rebuild(damaged.dir)).summary, { segments: 3, setAside: 1 })
})

test('a rebuild tells how far it is', async t => {
  const { dir, segmentsDir } = await makeResting(t)
  const told: [number, number][] = []
  const { logger } = createTestLogger()
  const onProgress = (done: number, total: number) => void told.push([done, total])
  await rebuildCatalog({ directory: dir, logger, onProgress })
  const bytes = readdirSync(segmentsDir).map(name => statSync(join(segmentsDir, name)).size)
  const total = bytes.reduce((sum, size) => sum + size, 0)
  t.equal(told.length, 6, 'each of three segments, twice')
  t.same(told.at(-1), [total, total])
})

test('a rebuild finds the same lines after the catalog is damaged or gone', async t => {
  for (const damage of ['page', 'header', 'gone'] as const) {
    const { dir, segmentsDir } = await makeSmallStore(t, { dir: join(t.testdir(), damage) })
    const rows = identities(await readAllRows(segmentsDir))
    const path = join(dir, 'catalog.sqlite')
    const { segments, streams } = contentOf(dir)
    // Like a store that was killed: with a log beside the catalog.
    if (damage === 'gone') for (const name of catalogFiles(dir)) rmSync(join(dir, name))
    else flipByte(path, damage === 'page' ? 4096 + 8 : 3)
    const { summary } = await rebuild(dir)
    t.same(contentOf(dir).segments, segments, damage)
    t.same(contentOf(dir).streams, streams, damage)
    t.same(identities(await readAllRows(segmentsDir)), rows)
    t.equal(summary.oldCatalog === undefined, damage === 'gone')
    t.same(await faults(dir), [], damage)
  }
})

function catalogFiles(dir: string): string[] {
  return readdirSync(dir).filter(name => name.startsWith('catalog'))
}

test('delete requests of a catalog whose other tables are damaged are kept', async t => {
  const { dir } = await makeResting(t)
  const database = new Database(join(dir, 'catalog.sqlite'))
  database.pragma('journal_mode = DELETE')
  const page = database
    .prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'segment_parts'")
    .pluck()
    .get() as number
  const size = database.pragma('page_size', { simple: true }) as number
  database.close()
  for (let at = 0; at < 64; at++) flipByte(join(dir, 'catalog.sqlite'), (page - 1) * size + at)
  t.not((await faults(dir)).length, 0)
  const { summary } = await rebuild(dir)
  t.equal(summary.deleteRequests, 1)
  t.match(summary.unread, [/^list of dropped segments: /], 'which nobody should trust now')
  t.match(contentOf(dir).deletes, [{ id: someDelete.id, query: someDelete.query }])
  t.same(await faults(dir), [])
})

test('segments that were dropped do not count again', async t => {
  const { dir, segmentsDir, fresh, catalog } = await makeSmallStore(t)
  await catalog.addSegments([], [fresh[1]!])
  await catalog.close()
  t.ok(existsSync(join(segmentsDir, fresh[1]!)), 'the store was killed before it deleted the file')
  const { summary } = await rebuild(dir)
  t.equal(summary.segments, 2)
  t.notOk(existsSync(join(segmentsDir, fresh[1]!)))
})

test('numbers of dropped segments are not used again, and lost segments stay listed', async t => {
  const { dir, fresh, catalog } = await makeSmallStore(t)
  catalog.raiseMarks({ level0: 70, compacted: 90 })
  await catalog.removeSegments([segmentName(60, 0)])
  await catalog.close()
  await rebuild(dir)
  t.match(contentOf(dir), {
    marks: [
      { name: 'compacted', value: 90 },
      { name: 'level0', value: 70 },
    ],
    lost: [{ name: segmentName(60, 0) }],
  })
  t.ok(fresh.length > 0)
})

test('a damaged segment is set aside and told', async t => {
  const { dir, segmentsDir, fresh } = await makeResting(t)
  truncateSync(join(segmentsDir, fresh[0]!), 50)
  const { summary, messages } = await rebuild(dir)
  t.match(summary, { segments: 2, setAside: 1 })
  t.same(readdirSync(join(dir, 'quarantine')), [fresh[0]])
  t.ok(messages.some(message => message.startsWith('set aside a damaged')))
})

test('what a rebuild that was killed has left does not disturb the next', async t => {
  const { dir } = await makeResting(t)
  const before = contentOf(dir)
  writeFileSync(join(dir, 'catalog.sqlite.rebuilding'), 'half of a catalog')
  writeFileSync(join(dir, 'catalog.sqlite.rebuilding-wal'), 'and its log')
  await rebuild(dir)
  t.same(contentOf(dir), before)
})

test('a store starts on a rebuilt catalog without a warning, and answers as before', async t => {
  const { dir } = await makeResting(t)
  await rebuild(dir)
  const store = await startTestStore(t, { dir, yaml: 'auth_enabled: true' })
  t.equal((await store.lines('{app="notes"}', { tenant: 'a' })).length, 240)
  t.same(store.messages(), [])
})

test('a rebuild is refused while a process works in the directory, and where no store was', async t => {
  const store = await startTestStore(t)
  await t.rejects(rebuild(store.dir), { code: 'DIRECTORY_LOCKED' })
  await store.stop()
  await rebuild(store.dir)
  await t.rejects(rebuild(join(store.dir, 'segments')), { code: 'UPKEEP_PATH' })
})

test('many segments are entered in one transaction', async t => {
  const { dir, segmentsDir, compacted } = await makeSmallStore(t)
  const { footer } = await readSegment(segmentsDir, compacted)
  const catalog = openSqliteCatalog(join(dir, 'other.sqlite'))
  t.teardown(() => catalog.close())
  const broken = async function* () {
    const { level, sequence, version } = footer
    yield { name: compacted, level, sequence, version, sizeBytes: 1, createdMs: 1, parts: [] }
    throw new Error('the disk is gone')
  }
  await t.rejects(catalog.addFound(broken(), []), /the disk is gone/)
  t.same(await catalog.listSegments(), [])
  t.same(await catalog.marks(), { level0: 0, compacted: 0 })
})
