import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { lockDirectory } from '@skald/wire/directory-lock'
import { type Test, test } from 'tap'
import { openCatalogReader } from '../../src/catalog/sqlite-reader.ts'
import { segmentName } from '../../src/segment/name.ts'
import { type BackupOptions, backUp } from '../../src/upkeep/backup.ts'
import type { Finding } from '../../src/upkeep/finding.ts'
import { readManifest } from '../../src/upkeep/manifest.ts'
import { verifyDirectory } from '../../src/upkeep/verify.ts'
import { acceptedStream } from '../harness.ts'
import { segmentNames } from '../segment-rows.ts'
import { flipByte } from './damage.ts'
import { makeSmallStore, rows, type SmallStore } from './small-store.ts'

/** Makes a store and a way to back it up. */
async function makeBackup(t: Test) {
  const dir = t.testdir()
  const store = await makeSmallStore(t, { dir: join(dir, 'store') })
  const target = join(dir, 'backup')
  const backup = (options: Partial<BackupOptions> = {}) => backUpTo(store.dir, target, options)
  const there = () => segmentNames(join(target, 'segments'))
  return { dir, store, target, backup, there }
}

async function backUpTo(directory: string, target: string, options: Partial<BackupOptions> = {}) {
  const findings: Finding[] = []
  const summary = await backUp({
    ...{ directory, target, isLinked: false, isQuick: false },
    onFinding: finding => findings.push(finding),
    ...options,
  })
  return { ...summary, findings }
}

/** Checks that the backup is whole, and has exactly the segments of the store. */
async function isWhole(t: Test, { segmentsDir }: SmallStore, target: string): Promise<void> {
  const findings: Finding[] = []
  const onFinding = (finding: Finding) => void findings.push(finding)
  await verifyDirectory({ directory: target, isDeep: true, onFinding })
  t.same(findings, [])
  const names = await segmentNames(segmentsDir)
  t.same(await segmentNames(join(target, 'segments')), names)
  for (const name of names)
    t.ok(readFileSync(join(target, 'segments', name)).equals(readFileSync(join(segmentsDir, name))))
}

const push = ({ push: add }: SmallStore, number: number) =>
  add(
    'a',
    acceptedStream(
      { app: 'more' },
      rows(50, i => `line ${number} ${i}`, 100 * number),
    ),
  )

test('a backup has the segments, the catalog and the delete requests', async t => {
  const { store, target, backup } = await makeBackup(t)
  t.match(await backup(), { segments: 3, copied: 3, removed: 0, damage: 0, findings: [] })
  await isWhole(t, store, target)
  const manifest = readManifest(target)!
  const catalog = openCatalogReader(join(target, manifest.catalog.name))
  t.equal(catalog.deleteRequests().length, 1)
  t.equal(catalog.segments().length, 3)
  catalog.close()
  t.same(readdirSync(target).sort(), ['backup.json', manifest.catalog.name, 'lock', 'segments'])
  for (const name of readdirSync(target))
    t.equal(statSync(join(target, name)).mode & 0o077, 0, `only its owner may read ${name}`)
})

test('the next backup copies what is new and removes what was replaced', async t => {
  const { store, target, backup } = await makeBackup(t)
  await backup()
  const first = readManifest(target)!
  t.match(await backup(), { segments: 3, copied: 0, removed: 0 })
  for (const number of [1, 2]) await push(store, number)
  t.match(await backup({ isQuick: true }), { segments: 5, copied: 2, removed: 0 })
  await store.merge([segmentName(6, 0), segmentName(7, 0)])
  t.match(await backup(), { segments: 4, copied: 1, removed: 2 })
  await isWhole(t, store, target)
  t.notOk(existsSync(join(target, first.catalog.name)), 'old catalogs are removed')
})

test('segments that the store replaces during the copy are still copied', async t => {
  const { store, target, backup } = await makeBackup(t)
  for (const number of [1, 2]) await push(store, number)
  const before = await segmentNames(store.segmentsDir)
  let merging: Promise<unknown> | undefined
  const onProgress = () => {
    merging ??= store.merge([segmentName(6, 0), segmentName(7, 0)])
  }
  const { findings } = await backup({ onProgress })
  await merging
  t.same(findings, [])
  const { segments } = readManifest(target)!
  t.same(
    segments.map(({ name }) => name),
    before,
    'the list of one moment',
  )
  const all: Finding[] = []
  await verifyDirectory({ directory: target, isDeep: true, onFinding: one => all.push(one) })
  t.same(all, [])
})

test('if a segment is gone, the list is taken again', async t => {
  const { store, target, backup } = await makeBackup(t)
  for (const number of [1, 2]) await push(store, number)
  // Links are made one after another, and nothing is kept open.
  let isMerged = false
  const merged = Promise.withResolvers<void>()
  const onProgress = () => {
    if (isMerged) return
    isMerged = true
    for (const number of [6, 7]) rmSync(join(store.segmentsDir, segmentName(number, 0)))
    store.catalog
      .addSegments(
        [],
        [6, 7].map(number => segmentName(number, 0)),
      )
      .then(merged.resolve, merged.reject)
  }
  const { findings, segments } = await backup({ isLinked: true, onProgress })
  await merged.promise
  t.same(findings, [])
  t.equal(segments, 3)
  await isWhole(t, store, target)
})

test('a store on a read-only mount is backed up', async t => {
  const { store, target, backup } = await makeBackup(t)
  await store.catalog.close()
  // SQLite cannot make its file of shared memory, as on such a mount.
  rmSync(join(store.dir, 'catalog.sqlite-shm'), { force: true })
  mkdirSync(join(store.dir, 'catalog.sqlite-shm'))
  t.match(await backup(), { segments: 3, damage: 0 })
  await isWhole(t, store, target)
  rmSync(join(store.dir, 'catalog.sqlite-shm'), { recursive: true })
})

test('hard links are the same files', async t => {
  const { store, target, backup } = await makeBackup(t)
  await backup({ isLinked: true })
  await isWhole(t, store, target)
  const inodes = (dir: string) => statSync(join(dir, store.compacted)).ino
  t.equal(inodes(join(target, 'segments')), inodes(store.segmentsDir))
  t.match(await backup({ isLinked: true }), { copied: 0 })
})

test('a file that is missing in the store is damage, and the rest is copied', async t => {
  const { store, target, backup } = await makeBackup(t)
  rmSync(join(store.segmentsDir, store.fresh[0]!))
  const { findings, segments, damage } = await backup()
  t.match(findings, [
    { severity: 'damage', file: `segments/${store.fresh[0]}`, what: /is missing/ },
  ])
  t.same({ segments, damage }, { segments: 2, damage: 1 })
  t.same(readManifest(target)!.missing, [store.fresh[0]])
})

test('a backup keeps its copies of files that the store loses later', async t => {
  const { store, target, backup } = await makeBackup(t)
  await backup()
  const copy = readFileSync(join(target, 'segments', store.compacted))
  const isKept = () =>
    t.ok(readFileSync(join(target, 'segments', store.compacted)).equals(copy), 'it is kept')
  rmSync(join(store.segmentsDir, store.compacted))
  const missing = await backup()
  t.match(missing.findings, [{ severity: 'damage', what: 'the file in the store is missing' }])
  t.same(readManifest(target)!.missing, [])
  isKept()

  // The next start of the store takes it off its catalog.
  await store.catalog.removeSegments([store.compacted])
  for (let again = 0; again < 2; again++) {
    const lost = await backup()
    t.match(lost.findings, [{ severity: 'damage', what: 'the store has lost this file' }])
    t.match(lost.findings[0]!.remedy, /Stop the store, copy .* to .*, and start the store/)
    isKept()
  }
  await verifyDirectory({
    ...{ directory: target, isDeep: true },
    onFinding: ({ severity, remedy }) =>
      t.match({ severity, remedy }, { severity: 'note', remedy: /It is back/ }),
  })
})

test('a file that the disk cannot read is damage, and the rest is copied', async t => {
  const { store, target, backup } = await makeBackup(t)
  const source = join(store.segmentsDir, store.fresh[0]!)
  const bytes = readFileSync(source)
  // Reads of this file fail with EIO.
  const breakIt = () => {
    rmSync(source)
    symlinkSync('/proc/self/mem', source)
  }
  breakIt()
  const first = await backup()
  t.match(first.findings, [{ severity: 'damage', what: /the disk cannot read it: EIO/ }])
  t.equal(first.segments, 2)
  t.same(readManifest(target)!.missing, [store.fresh[0]])

  rmSync(source)
  writeFileSync(source, bytes)
  t.match(await backup(), { segments: 3, damage: 0 })
  breakIt()
  const later = await backup()
  t.match(later.findings, [{ severity: 'damage', remedy: /The backup keeps the sound copy/ }])
  t.equal(later.segments, 3)
})

test('damage of a segment in the store is told, and the file is copied as it is', async t => {
  const { store, backup, there } = await makeBackup(t)
  flipByte(join(store.segmentsDir, store.compacted), 12)
  const { findings, damage } = await backup()
  t.match(findings, [{ file: `segments/${store.compacted}`, part: 'block', remedy: /as it is/ }])
  t.equal(damage, 1)
  t.equal((await there()).length, 3)
})

test('a sound copy is kept if the file in the store is damaged later', async t => {
  const { store, target, backup } = await makeBackup(t)
  await backup()
  const copy = join(target, 'segments', store.compacted)
  const sound = readFileSync(copy)
  flipByte(join(store.segmentsDir, store.compacted), -20)
  const { findings, damage } = await backup()
  t.match(findings, [{ severity: 'damage', what: 'the file in the store is damaged' }])
  t.equal(damage, 1)
  t.ok(readFileSync(copy).equals(sound))
})

test('a copy that was damaged is copied again', async t => {
  const { store, target, backup } = await makeBackup(t)
  await backup()
  const copy = join(target, 'segments', store.compacted)
  for (const at of [100, -20]) {
    flipByte(copy, at)
    const { findings, copied, damage } = await backup()
    t.match(findings, [{ severity: 'note', what: /the copy in .* was damaged/ }], `byte ${at}`)
    t.same({ copied, damage }, { copied: 1, damage: 0 })
    await isWhole(t, store, target)
  }
  rmSync(copy)
  t.match(await backup(), { copied: 1, damage: 0 }, 'and one that was deleted')
  await isWhole(t, store, target)
})

test('a backup that was interrupted leaves the one before valid, and continues', async t => {
  const { store, target, backup } = await makeBackup(t)
  const stopAt = (call: number) => {
    let calls = 0
    return () => {
      if (++calls === call) throw new Error('stopped here')
    }
  }
  await t.rejects(backup({ onProgress: stopAt(2) }), /stopped here/)
  t.equal(readManifest(target), undefined, 'the first one does not count before it is complete')
  writeFileSync(join(target, 'segments', `${store.fresh[0]}.unfinished`), 'a part')
  t.match(await backup(), { segments: 3, copied: 2, damage: 0 })
  await isWhole(t, store, target)

  const before = readManifest(target)
  for (const number of [1, 2]) await push(store, number)
  await store.merge([segmentName(6, 0), segmentName(7, 0)])
  for (const call of [1, 2, 3, 4]) await t.rejects(backup({ onProgress: stopAt(call) }))
  t.same(readManifest(target), before)
  const files = await segmentNames(join(target, 'segments'))
  for (const { name } of before!.segments) t.ok(files.includes(name))
  await backup()
  await isWhole(t, store, target)
})

test('a file of a killed backup that is not what the store has is copied again', async t => {
  const { store, target, backup } = await makeBackup(t)
  mkdirSync(join(target, 'segments'), { recursive: true })
  const copy = join(target, 'segments', store.compacted)
  copyFileSync(join(store.segmentsDir, store.compacted), copy)
  flipByte(copy, 30)
  t.match(await backup(), { copied: 3, damage: 0, findings: [] })
  await isWhole(t, store, target)
})

test('a backup of another store is refused, and nothing of it is removed', async t => {
  const { dir, store, target, backup, there } = await makeBackup(t)
  await push(store, 1)
  await backup()
  const names = await there()
  const refuses = async (directory: string, message: RegExp) => {
    await t.rejects(backUpTo(directory, target), { code: 'UPKEEP_PATH', message })
    t.same(await there(), names)
    t.ok(readManifest(target))
  }
  // A store that starts over after its disk was lost.
  const anew = await makeSmallStore(t, { dir: join(dir, 'anew') })
  await refuses(anew.dir, /has a backup of a store that has written more/)
  // Another store with the same names.
  await push(anew, 2)
  await push(anew, 1)
  await refuses(anew.dir, /of another store: its segment .* is not the one/)
  // Another store without a common name.
  const other = await makeSmallStore(t, { dir: join(dir, 'other') })
  for (const number of [1, 2, 3]) await push(other, number)
  await other.catalog.addSegments([], [other.compacted, ...other.fresh, segmentName(6, 0)])
  await refuses(other.dir, /has a backup of another store, .*\/store on/)
})

test('paths that cannot work are refused before anything is written', async t => {
  const { dir, store, target } = await makeBackup(t)
  const refuses = (directory: string, to: string, message: RegExp) =>
    t.rejects(backUpTo(directory, to), { code: 'UPKEEP_PATH', message })
  await refuses(
    store.dir,
    's3://bucket/logs',
    /only supported in directories so far, not in s3:\/\//,
  )
  await refuses(store.dir, store.dir, /are the same directory/)
  await refuses(store.dir, join(store.dir, 'backup'), /is in .*\/store/)
  await refuses(store.dir, dir, /is in/)
  symlinkSync(store.dir, join(dir, 'link'))
  await refuses(store.dir, join(dir, 'link/backup/deep'), /is in/)
  await refuses(join(dir, 'nowhere'), target, /does not exist/)
  const { dir: otherDir } = await makeSmallStore(t, { dir: join(dir, 'other') })
  await refuses(store.dir, otherDir, /is the data directory of a store/)
  t.notOk(existsSync(target))
  await backUpTo(store.dir, target)
  await refuses(target, join(dir, 'third'), /is a backup: name a data directory/)
  writeFileSync(join(dir, 'file'), 'x')
  await t.rejects(backUpTo(store.dir, join(dir, 'file')), { code: /ENOTDIR|EEXIST/ })
})

test('a list that is damaged is not used', async t => {
  const { target, backup } = await makeBackup(t)
  await backup()
  const path = join(target, 'backup.json')
  const text = readFileSync(path, 'utf8')
  const broken = [
    [text.slice(0, 100), /it is not JSON/],
    ['{}', /it is not the list of a backup/],
    [text.replace(/"sizeBytes": \d+/, '"sizeBytes": 1'), /its checksum is wrong/],
    [text.replace('"version": 1', '"version": 2'), /a newer Skald wrote it/],
  ] as const
  for (const [content, message] of broken) {
    writeFileSync(path, content)
    await t.rejects(backup(), { code: 'UPKEEP_PATH', message })
  }
})

test('one backup at a time writes into a directory', async t => {
  const { target, backup } = await makeBackup(t)
  await backup()
  const lock = await lockDirectory({
    ...{ path: join(target, 'lock'), what: 'x', role: 'backup' },
    onUnsupported: error => t.fail(error.message),
  })
  await t.rejects(backup(), { code: 'DIRECTORY_LOCKED' })
  await lock.release()
  await backup()
})

test('a damaged catalog, and none, are told', async t => {
  const { store, target, backup } = await makeBackup(t)
  await store.catalog.close()
  const path = join(store.dir, 'catalog.sqlite')
  flipByte(path, 4096 + 8)
  await t.rejects(backup(), { code: 'UPKEEP', message: /is damaged: .* skald verify --rebuild/ })
  for (const name of readdirSync(store.dir).filter(one => one.startsWith('catalog')))
    rmSync(join(store.dir, name))
  await t.rejects(backup(), { code: 'UPKEEP_PATH', message: /There is no catalog/ })
  t.same(
    readdirSync(target).filter(name => name.startsWith('catalog')),
    [],
  )
})
