import { existsSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { type Test, test } from 'tap'
import { segmentName } from '../../src/segment/name.ts'
import type { Finding } from '../../src/upkeep/finding.ts'
import { type VerifyOptions, verifyDirectory } from '../../src/upkeep/verify.ts'
import { readSegment } from '../segment-rows.ts'
import { flipByte } from './damage.ts'
import { makeSmallStore } from './small-store.ts'

async function verify(directory: string, options: Partial<VerifyOptions> = {}) {
  const findings: Finding[] = []
  const summary = await verifyDirectory({
    ...{ directory, isDeep: true, onFinding: finding => findings.push(finding) },
    ...options,
  })
  const damage = findings.filter(({ severity }) => severity === 'damage')
  return { summary, findings, damage, notes: findings.filter(one => !damage.includes(one)) }
}

/** Changes the catalog behind the store's back. */
function changeCatalog(dir: string, sql: string): void {
  const database = new Database(join(dir, 'catalog.sqlite'))
  database.exec(sql)
  database.close()
}

test('a sound store has no findings, and is not changed', async t => {
  const { dir, compacted, segmentsDir } = await makeSmallStore(t)
  const { summary, findings } = await verify(dir)
  t.same(findings, [])
  const { rows } = await readSegment(segmentsDir, compacted)
  t.match(summary, { segments: 3, gone: 0, damage: 0, notes: 0, rows: rows.length + 26 })
})

test('progress goes from nothing to all bytes', async t => {
  const { dir } = await makeSmallStore(t)
  const told: number[] = []
  let total = 0
  const { summary } = await verify(dir, {
    onProgress: (done, all) => {
      told.push(done)
      total = all
    },
  })
  t.equal(total, summary.bytes)
  t.equal(told.at(-1), total)
  t.same(
    told,
    told.toSorted((a, b) => a - b),
  )
})

test('damage in a segment is told with file, place and what to do', async t => {
  const { dir, compacted, segmentsDir } = await makeSmallStore(t)
  const { footer } = await readSegment(segmentsDir, compacted)
  const [block] = footer.parts[0]!.blocks
  flipByte(join(segmentsDir, compacted), block!.offsetBytes)
  const { damage, summary } = await verify(dir)
  t.match(damage, [
    {
      file: `segments/${compacted}`,
      part: 'block',
      where: /^block 0 of \{app="notes"\} .*, timestamps$/,
      offsetBytes: block!.offsetBytes,
      what: /^checksum of timestamps/,
      remedy: /lines cannot be read\. Stop the store, put the file back from a backup/,
    },
  ])
  t.equal(summary.damage, 1)
})

test('a missing, a cut and an empty file are damage', async t => {
  const { dir, compacted, fresh, segmentsDir } = await makeSmallStore(t)
  rmSync(join(segmentsDir, compacted))
  truncateSync(join(segmentsDir, fresh[0]!), 100)
  truncateSync(join(segmentsDir, fresh[1]!), 0)
  const { damage } = await verify(dir)
  t.match(damage, [
    { file: `segments/${compacted}`, what: /the file is missing/ },
    { file: `segments/${fresh[0]}`, part: 'trailer', offsetBytes: 84, what: 'no valid trailer' },
    { file: `segments/${fresh[1]}`, part: 'header', what: 'only 0 bytes' },
  ])
})

test('files that the catalog does not know are notes, not damage', async t => {
  const { dir, fresh, segmentsDir } = await makeSmallStore(t)
  const { bytes } = await readSegment(segmentsDir, fresh[0]!)
  writeFileSync(join(segmentsDir, segmentName(99, 0)), bytes)
  writeFileSync(join(segmentsDir, 'notes.txt'), 'x')
  mkdirSync(join(dir, 'quarantine'))
  writeFileSync(join(dir, 'quarantine/old'), 'x')
  const { damage, notes } = await verify(dir)
  t.same(damage, [])
  t.match(notes, [
    { file: `segments/${segmentName(99, 0)}`, what: 'the catalog does not know this segment' },
    { file: 'segments/notes.txt', what: 'this file is no segment' },
    { file: 'quarantine', what: '1 file was set aside' },
  ])
})

const differences = [
  ['UPDATE segments SET sequence = 7 WHERE level = 1', 'the sequence is 2, and 7 in the catalog'],
  ['UPDATE segments SET version = 1', 'the version is 2, and 1 in the catalog'],
  ['UPDATE segments SET size_bytes = size_bytes + 1', /the size in bytes is \d+, and \d+/],
  ['UPDATE segment_parts SET row_count = 1', /the number of lines of tenant "a", day 20000, is/],
  [
    'UPDATE segment_parts SET min_ns = min_ns + 1000000000',
    /the first time of tenant "a", day 20000, is 2024-10-04T00:00:00Z, and 2024-10-04T00:00:01Z in/,
  ],
  ['DELETE FROM segment_parts', /does not have the part of tenant "a", day 20000, so/],
  [
    'UPDATE segment_parts SET day = 5 WHERE segment_id = (SELECT id FROM segments WHERE level = 1)',
    /the catalog has a part of tenant "a", day 5, that the segment does not have/,
  ],
  [
    `DELETE FROM streams WHERE labels LIKE '%shop%'`,
    /does not have the stream \{app="shop"\} of tenant "a"/,
  ],
  ['UPDATE stream_days SET max_ns = min_ns', /does not have the stream .* for all of its time/],
  ['UPDATE marks SET value = 0', 'its number is above the mark of the catalog, 0'],
] as const

for (const [sql, what] of differences) {
  test(`a catalog that differs from the segments is damage: ${sql}`, async t => {
    const { dir } = await makeSmallStore(t)
    changeCatalog(dir, sql)
    const { damage } = await verify(dir)
    t.ok(damage.length > 0)
    t.ok(
      damage.some(finding =>
        typeof what === 'string' ? finding.what === what : what.test(finding.what),
      ),
      damage.map(finding => finding.what).join('\n'),
    )
    t.match(damage[0]!.remedy, 'skald verify --rebuild')
  })
}

test('a segment that counts together with one that it replaces is damage', async t => {
  const { dir, compacted } = await makeSmallStore(t)
  changeCatalog(
    dir,
    `INSERT INTO segments (name, level, sequence, size_bytes, created_ms)
     VALUES ('${segmentName(1, 0)}', 0, 1, 100, 1)`,
  )
  const { damage } = await verify(dir)
  t.match(damage, [
    { file: `segments/${segmentName(1, 0)}`, what: /the file is missing/ },
    {
      file: `segments/${compacted}`,
      what: `it replaces ${segmentName(1, 0)}, but the catalog has both`,
    },
  ])
})

test('a damaged catalog is damage, and the segments are checked without it', async t => {
  const { dir, catalog, compacted, segmentsDir } = await makeSmallStore(t)
  await catalog.close()
  flipByte(join(segmentsDir, compacted), 20)
  const path = join(dir, 'catalog.sqlite')
  for (const at of [3, 4096 + 8]) flipByte(path, at)
  const { damage, summary } = await verify(dir)
  t.match(damage[0], { file: 'catalog.sqlite', remedy: /skald verify --rebuild/ })
  t.match(damage.at(-1), { file: `segments/${compacted}`, part: 'block' })
  t.equal(summary.segments, 3)
})

test('without a catalog, the segments are checked', async t => {
  const { dir, catalog } = await makeSmallStore(t)
  await catalog.close()
  for (const ending of ['', '-wal', '-shm'])
    rmSync(join(dir, `catalog.sqlite${ending}`), { force: true })
  const { damage, notes, summary } = await verify(dir)
  t.same(damage, [])
  t.match(notes, [{ file: 'catalog.sqlite', what: 'there is no catalog' }])
  t.equal(summary.segments, 3)
  t.notOk(existsSync(join(dir, 'catalog.sqlite')), 'it is not made')
})

test('a catalog that cannot be opened in its directory is read from a copy', async t => {
  const { dir, catalog } = await makeSmallStore(t)
  await catalog.close()
  // SQLite cannot make its file of shared memory, as on a read-only mount.
  rmSync(join(dir, 'catalog.sqlite-shm'), { force: true })
  mkdirSync(join(dir, 'catalog.sqlite-shm'))
  const { findings, summary } = await verify(dir)
  t.same(findings, [])
  t.equal(summary.segments, 3)
  rmSync(join(dir, 'catalog.sqlite-shm'), { recursive: true })
})

test('a catalog of a newer Skald is not judged', async t => {
  const { dir } = await makeSmallStore(t)
  changeCatalog(dir, 'PRAGMA user_version = 99; PRAGMA application_id = 0')
  await t.rejects(verify(dir), { code: 'UPKEEP_PATH', message: /version 99 is newer/ })
  changeCatalog(dir, 'PRAGMA user_version = 2')
  await t.rejects(verify(dir), { code: 'UPKEEP_PATH', message: /start the store once/ })
})

test('a version that does not fit the seal is damage', async t => {
  const { dir } = await makeSmallStore(t)
  changeCatalog(dir, 'PRAGMA user_version = 99')
  t.match((await verify(dir)).damage, [{ file: 'catalog.sqlite', what: /do not fit its seal/ }])
})

test('a segment that is replaced during the check is no damage', async t => {
  const store = await makeSmallStore(t)
  let isMerged = false
  const { summary, damage } = await verify(store.dir, {
    onProgress: () => {
      if (isMerged) return
      isMerged = true
      // What the store does meanwhile.
      rmSync(join(store.segmentsDir, store.fresh[1]!))
      changeCatalog(
        store.dir,
        `DELETE FROM segment_parts WHERE segment_id IN (SELECT id FROM segments WHERE name = '${store.fresh[1]}');
         DELETE FROM segments WHERE name = '${store.fresh[1]}'`,
      )
    },
  })
  t.ok(isMerged)
  t.same(damage, [])
  t.equal(summary.gone, 1)
})

async function refuses(t: Test, directory: string, message: RegExp): Promise<void> {
  await t.rejects(verify(directory), { code: 'UPKEEP_PATH', message })
}

test('what is no data directory is refused', async t => {
  const dir = t.testdir({ file: 'x', empty: {}, half: { restoring: {} } })
  await refuses(t, join(dir, 'nowhere'), /does not exist/)
  await refuses(t, join(dir, 'file'), /is a file/)
  await refuses(t, join(dir, 'empty'), /is no data directory of a store/)
  await refuses(t, join(dir, 'half'), /run skald restore again/)
})
