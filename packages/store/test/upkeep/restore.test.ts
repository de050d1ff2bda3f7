import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { backUp } from '../../src/upkeep/backup.ts'
import type { Finding } from '../../src/upkeep/finding.ts'
import { readManifest } from '../../src/upkeep/manifest.ts'
import { type RestoreOptions, restore } from '../../src/upkeep/restore.ts'
import { verifyDirectory } from '../../src/upkeep/verify.ts'
import { startTestStore } from '../harness.ts'
import { segmentNames } from '../segment-rows.ts'
import { flipByte } from './damage.ts'
import { makeSmallStore, someDelete } from './small-store.ts'

/** Makes a backup and a way to restore it. */
async function makeRestore(t: Test) {
  const dir = t.testdir()
  const store = await makeSmallStore(t, { dir: join(dir, 'store') })
  const source = join(dir, 'backup')
  const back = () =>
    backUp({
      ...{ directory: store.dir, target: source, isLinked: false, isQuick: false },
      onFinding: ({ what }) => t.fail(what),
    })
  await back()
  const target = join(dir, 'restored')
  const run = async (options: Partial<RestoreOptions> = {}) => {
    const findings: Finding[] = []
    const onFinding = (finding: Finding) => void findings.push(finding)
    const all = { source, directory: target, keepsDamaged: false, onFinding, ...options }
    return { ...(await restore(all)), findings }
  }
  return { dir, store, source, target, run, back }
}

async function isSound(t: Test, directory: string): Promise<void> {
  const onFinding = ({ what, file }: Finding) => t.fail(`${file}: ${what}`)
  await verifyDirectory({ directory, isDeep: true, onFinding })
}

test('a restored store has the same files, starts without a warning, and hides what was deleted', async t => {
  const { store, target, run } = await makeRestore(t)
  t.match(await run(), { segments: 3, kept: 0, damage: 0, findings: [] })
  const names = await segmentNames(store.segmentsDir)
  t.same(await segmentNames(join(target, 'segments')), names)
  for (const name of names)
    t.ok(
      readFileSync(join(target, 'segments', name)).equals(
        readFileSync(join(store.segmentsDir, name)),
      ),
    )
  t.same(readdirSync(target).sort(), ['catalog.sqlite', 'lock', 'segments'])
  for (const name of readdirSync(target))
    t.equal(statSync(join(target, name)).mode & 0o077, 0, name)
  await isSound(t, target)

  const yaml = 'auth_enabled: true\ncompactor: {retention_enabled: true}'
  const started = await startTestStore(t, { dir: target, yaml })
  t.same(started.messages(), [])
  t.equal((await started.lines('{app="notes"}', { tenant: 'a' })).length, 240)
  t.same(await started.lines('{app="shop"} |= "orders/7919 "', { tenant: 'a' }), [])
  const deletes = await started.get('/loki/api/v1/delete', {}, 'a')
  t.match(deletes.json(), [{ request_id: someDelete.id }])
})

test('a restore goes into a directory that is empty', async t => {
  const { dir, target, run } = await makeRestore(t)
  mkdirSync(join(target, 'lost+found'), { recursive: true })
  t.match(await run(), { segments: 3 }, 'as a new volume is')
  await t.rejects(run(), {
    code: 'UPKEEP_PATH',
    message: /is not empty, it has catalog\.sqlite, segments: restore into an empty directory/,
  })
  const full = join(dir, 'full')
  mkdirSync(full)
  writeFileSync(join(full, 'mine.txt'), 'x')
  await t.rejects(run({ directory: full }), { code: 'UPKEEP_PATH' })
  t.same(readdirSync(full).sort(), ['lock', 'mine.txt'])
})

test('a restore that was interrupted continues, and no store takes the half of it', async t => {
  const { target, run } = await makeRestore(t)
  for (const call of [1, 3, 5]) {
    let calls = 0
    const onProgress = () => {
      if (++calls === call) throw new Error('stopped here')
    }
    await t.rejects(run({ onProgress }), /stopped here/)
    t.same(readdirSync(target).sort(), ['lock', 'restoring'])
  }
  const { kept, damage } = await run()
  t.ok(kept > 0, `${kept} files are not copied again`)
  t.equal(damage, 0)
  await isSound(t, target)
})

test('a restore that was interrupted in its last steps is finished', async t => {
  const { target, run } = await makeRestore(t)
  await run()
  mkdirSync(join(target, 'restoring'))
  renameSync(join(target, 'catalog.sqlite'), join(target, 'restoring/catalog.sqlite'))
  t.match(await run(), { segments: 3, kept: 4 })
  t.same(readdirSync(target).sort(), ['catalog.sqlite', 'lock', 'segments'])
  await isSound(t, target)
})

test('a restore that was interrupted before it had tidied up is complete, and another run tidies up', async t => {
  const { store, target, run, back } = await makeRestore(t)
  await run()
  mkdirSync(join(target, 'restoring'))
  await isSound(t, target)
  t.match(await run(), { segments: 3, kept: 4 })
  t.same(readdirSync(target).sort(), ['catalog.sqlite', 'lock', 'segments'])

  mkdirSync(join(target, 'restoring'))
  await store.catalog.addSegments([], [store.fresh[0]!])
  await back()
  await t.rejects(run(), {
    code: 'UPKEEP_PATH',
    message: /its catalog.* differs from the backup's/,
  })
  t.equal((await segmentNames(join(target, 'segments'))).length, 3, 'nothing of it is touched')
})

test('no store starts on a restore that is not finished', async t => {
  const { target, run } = await makeRestore(t)
  await run()
  mkdirSync(join(target, 'restoring'))
  renameSync(join(target, 'catalog.sqlite'), join(target, 'restoring/catalog.sqlite'))
  await t.rejects(startTestStore(t, { dir: target }), {
    code: 'UPKEEP_PATH',
    message: /has a restore that is not finished: run skald restore again/,
  })
  await run()
  await isSound(t, target)
  mkdirSync(join(target, 'restoring'))
  t.same((await startTestStore(t, { dir: target, yaml: 'auth_enabled: true' })).messages(), [])
})

test('what an interrupted restore of an older backup has left is removed', async t => {
  const { store, target, run, back } = await makeRestore(t)
  let calls = 0
  const onProgress = () => {
    if (++calls === 8) throw new Error('stopped here')
  }
  await t.rejects(run({ onProgress }), /stopped here/)
  t.ok(existsSync(join(target, 'restoring/segments', store.fresh[0]!)))
  await store.catalog.addSegments([], [store.fresh[0]!])
  await back()
  await run()
  t.notOk((await segmentNames(join(target, 'segments'))).includes(store.fresh[0]!))
  await isSound(t, target)
})

test('a damaged backup is told and not restored, unless that is wanted', async t => {
  const { store, source, target, run } = await makeRestore(t)
  const copies = join(source, 'segments')
  flipByte(join(copies, store.compacted), 50)
  truncateSync(join(copies, store.fresh[0]!), 60)
  rmSync(join(copies, store.fresh[1]!))
  const findings: Finding[] = []
  const onFinding = (finding: Finding) => void findings.push(finding)
  await t.rejects(run({ onFinding }), {
    code: 'UPKEEP',
    message: /is damaged in 3 files, so .*\/restored is not complete\. .*--keep-damaged/,
  })
  t.match(findings, [
    { severity: 'damage', file: `segments/${store.compacted}`, what: /its checksum is not/ },
    { severity: 'damage', file: `segments/${store.fresh[0]}`, what: /it has 60 bytes, and \d+ in/ },
    { file: `segments/${store.fresh[1]}`, what: 'the file is missing in the backup' },
  ])
  t.notOk(existsSync(join(target, 'segments')))

  const kept = await run({ keepsDamaged: true })
  t.equal(kept.damage, 3)
  t.same(await segmentNames(join(target, 'segments')), [store.compacted, store.fresh[0]])
})

test('a restore brings back what the store had lost before the backup', async t => {
  const { store, target, run, source } = await makeRestore(t)
  rmSync(join(store.segmentsDir, store.compacted))
  await store.catalog.removeSegments([store.compacted])
  const again = { directory: store.dir, target: source, isLinked: false, isQuick: false }
  await backUp({ ...again, onFinding: ({ what }) => t.match(what, 'the store has lost this file') })
  await run()
  const started = await startTestStore(t, { dir: target, yaml: 'auth_enabled: true' })
  t.same(started.messages(), ['entered segments found on disk'])
  t.equal((await started.lines('{app="notes"}', { tenant: 'a' })).length, 240)
})

test('a damaged catalog of a backup is told', async t => {
  const { source, run } = await makeRestore(t)
  const { name } = readManifest(source)!.catalog
  flipByte(join(source, name), 5000)
  await t.rejects(run(), { code: 'UPKEEP', message: /damaged in one file/ })
})

test('paths that cannot work are refused', async t => {
  const { dir, store, source, target, run } = await makeRestore(t)
  const refuses = (options: Partial<RestoreOptions>, message: RegExp) =>
    t.rejects(run(options), { code: 'UPKEEP_PATH', message })
  await refuses({ source: 's3://bucket/logs' }, /only supported in directories/)
  await refuses({ directory: 's3://bucket/logs' }, /only supported in directories/)
  await refuses({ source: join(dir, 'nowhere') }, /does not exist/)
  await refuses({ source: store.dir }, /is no finished backup: it has no backup\.json/)
  await refuses({ directory: join(source, 'in') }, /is in/)
  await refuses({ directory: source }, /are the same directory/)
  t.notOk(existsSync(target))
})

test('a restore is refused while a process works in the directory', async t => {
  const { target, run } = await makeRestore(t)
  const { stop } = await startTestStore(t, { dir: target })
  await t.rejects(run(), { code: 'DIRECTORY_LOCKED' })
  await stop()
})
