// verify, inspect, backup and restore as a person meets them: their words, their JSON, and wrong command lines.

import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { segmentName } from '../../store/src/segment/name.ts'
import { acceptedStream, startTestStore } from '../../store/test/harness.ts'
import { flipByte } from '../../store/test/upkeep/damage.ts'
import { makeSmallStore, rows } from '../../store/test/upkeep/small-store.ts'
import { runBackupCommand } from '../src/backup-command.ts'
import { describeFailure, exitCodeOf } from '../src/failure.ts'
import { runInspectCommand } from '../src/inspect-command.ts'
import { runMoveCommand } from '../src/move-command.ts'
import { runRestoreCommand } from '../src/restore-command.ts'
import { runVerifyCommand } from '../src/verify-command.ts'
import { createTestTerminal } from './terminal-double.ts'

const commands = {
  verify: runVerifyCommand,
  inspect: runInspectCommand,
  backup: runBackupCommand,
  restore: runRestoreCommand,
  move: runMoveCommand,
}

/** Runs a command like main.ts. */
async function run(name: keyof typeof commands, ...argv: string[]) {
  const terminal = createTestTerminal()
  let code: number
  let failure = ''
  try {
    code = await commands[name](argv, terminal)
  } catch (error) {
    code = exitCodeOf(error)
    failure = describeFailure(error, name)
  }
  return { code, out: terminal.written.out(), err: terminal.written.err() + failure }
}

const objectsIn = (out: string) =>
  out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)

/** Makes a store that no process works with. */
async function restingStore(t: Test) {
  const dir = t.testdir()
  const store = await makeSmallStore(t, { dir: join(dir, 'store') })
  await store.catalog.close()
  return { ...store, around: dir }
}

test('skald verify says that a store is sound', async t => {
  const { dir } = await restingStore(t)
  const { code, out, err } = await run('verify', dir)
  t.equal(code, 0, err)
  t.match(out, /^.*\/store: 3 segments, \S+, \d+ blocks, 3348 lines: all is sound\n$/)
  t.equal(err, '')
  const json = await run('verify', '--json', '--deep', dir)
  t.match(objectsIn(json.out), [{ kind: 'summary', segments: 3, damage: 0, notes: 0, gone: 0 }])
})

test('skald verify names damage, its place and what to do', async t => {
  const { dir, segmentsDir, compacted, fresh } = await restingStore(t)
  flipByte(join(segmentsDir, compacted), 8)
  rmSync(join(segmentsDir, fresh[0]!))
  const { code, out } = await run('verify', dir)
  t.equal(code, 1)
  t.match(
    out,
    /^damage: segments\/0{15}3-1\.seg: block 0 of \{app="notes"\} \(tenant "a", .*\), timestamps, at byte 8: checksum .*\n {2}240 lines cannot be read\. Stop/,
  )
  t.match(
    out,
    /\ndamage: segments\/0{15}4-0\.seg: the catalog has .*missing\n {2}Its lines are lost/,
  )
  t.match(out, /: 2 faults found\n$/)
  const json = await run('verify', '--json', dir)
  t.match(objectsIn(json.out), [
    { kind: 'finding', severity: 'damage', part: 'block', offsetBytes: 8 },
    { kind: 'finding', severity: 'damage', file: `segments/${fresh[0]}` },
    { kind: 'summary', damage: 2 },
  ])
})

test('skald verify --rebuild makes the catalog and says where the old one is', async t => {
  const { dir } = await restingStore(t)
  const { code, out } = await run('verify', '--rebuild', dir)
  t.equal(code, 0)
  const told =
    /: new catalog with 3 segments, 6 streams, 1 delete request; the old one is (.*)\n$/.exec(out)
  t.ok(existsSync(told![1]!))
  const json = await run('verify', '--rebuild', '--json', dir)
  t.match(objectsIn(json.out), [{ kind: 'summary', segments: 3, setAside: 0 }])
})

test('skald backup and skald restore say what they did', async t => {
  const { dir, around, segmentsDir, compacted } = await restingStore(t)
  const [backup, restored] = [join(around, 'backup'), join(around, 'restored')]
  const first = await run('backup', dir, backup)
  t.equal(first.code, 0, first.err)
  t.match(
    first.out,
    /\/backup: backup of 2.*Z with 3 segments, \S+: 3 copied, \S+, and 0 removed\n$/,
  )
  const second = await run('backup', '--quick', '--json', dir, backup)
  t.match(objectsIn(second.out), [{ kind: 'summary', copied: 0, segments: 3 }])
  const there = await run('restore', backup, restored)
  t.equal(there.code, 0, there.err)
  t.match(there.out, /\/restored: restored the backup of 2.*Z with 3 segments, \S+\n$/)
  const again = await run('restore', backup, restored)
  t.equal(again.code, 2)
  t.match(again.err, /is not empty/)

  flipByte(join(segmentsDir, compacted), -20)
  const damaged = await run('backup', dir, backup)
  t.equal(damaged.code, 1)
  t.match(damaged.out, /the file in the store is damaged\n {2}The backup keeps the sound copy/)
  flipByte(join(backup, 'segments', compacted), 40)
  const refused = await run('restore', '--json', backup, join(around, 'third'))
  t.equal(refused.code, 1)
  t.match(objectsIn(refused.out), [{ kind: 'finding', file: `segments/${compacted}` }])
  t.match(refused.err, /--keep-damaged/)
  const kept = await run('restore', '--keep-damaged', backup, join(around, 'third'))
  t.equal(kept.code, 1)
  t.match(kept.out, /; 1 file damaged in the backup\n$/)
})

test('skald inspect describes a segment', async t => {
  const { segmentsDir, compacted, fresh } = await restingStore(t)
  const path = join(segmentsDir, compacted)
  const { code, out, err } = await run('inspect', path)
  t.equal(code, 0, err)
  for (const expected of [
    /: segment of level 1, format version 2, \S+, 1 part\n {2}sequence 2\n {2}replaces 0{15}1-0\.seg, /,
    /\npart: tenant "a", 2024-10-04 \(day 20000\)\n {2}4 streams, 4 blocks, 3322 lines of \S+\n/,
    /\n {2}2024-10-04T00:00:00Z to 2024-10-04T\d/,
    /\n {2}timestamps +\S+ +\S+ {2}(raw|zstd) \d/,
    /\n {2}lines +\S+ +\S+ {2}zstd 2, split 1, raw 1\n/,
    /\n {2}split lines: 1 block, \d+ templates?\n {4}number: \d+ columns, \d+ values, \S+\n/,
    /\n {2}filters: 1 group, \S+, of 4 blocks\n/,
    /\n {2}counts: 1 group, \S+, of \d blocks?; cells of \d+ s \(\d\)/,
    /\n {2}streams:\n {4}\{app="shop"\}: 1 block, 3000 lines of \S+ in \S+, 2024/,
  ])
    t.match(out, expected)
  t.notMatch(out, 'blocks:\n')
  const all = await run('inspect', '--all', path)
  t.match(
    all.out,
    /\n {2}blocks:\n {4}block 0 of \{app="notes"\}, at byte 8: 240 lines, sequence 2, /,
  )
  t.match(all.out, /\n {6}timestamps \S+ of \S+ \(\w+\), lengths /)

  const level0 = await run('inspect', join(segmentsDir, fresh[1]!))
  t.match(level0.out, /2 parts\n/)
  t.match(level0.out, /1 block without levels yet/)
  t.match(level0.out, /filters: 0 groups/)
})

test('skald inspect shortens a long list of replaced segments', async t => {
  const { push, merge, segmentsDir } = await makeSmallStore(t)
  for (let i = 0; i < 5; i++)
    await push(
      'a',
      acceptedStream(
        { app: 'more' },
        rows(1, () => 'x', i),
      ),
    )
  const numbers = [6, 7, 8, 9, 10]
  const path = join(segmentsDir, await merge(numbers.map(number => segmentName(number, 0))))
  const { out } = await run('inspect', path)
  t.match(out, /\n {2}replaces 5 segments, 0{15}6-0\.seg to 0{14}10-0\.seg\n/)
  const all = await run('inspect', '--all', path)
  t.match(all.out, /\n {2}replaces 0{15}6-0\.seg, 0{15}7-0\.seg, /)
})

test('skald inspect --json has one object per line', async t => {
  const { segmentsDir, compacted } = await restingStore(t)
  const { out } = await run('inspect', '--json', join(segmentsDir, compacted))
  const objects = objectsIn(out)
  t.same(
    Object.fromEntries(
      Map.groupBy(objects, ({ kind }) => kind)
        .entries()
        .map(([kind, of]) => [kind, of.length]),
    ),
    {
      ...{ segment: 1, part: 1, stream: 4, block: 4, filters: 1, counts: 1 },
    },
  )
  t.match(objects[0], { level: 1, version: 2, sequence: 2 })
  const block = objects.find(({ kind, labels }) => kind === 'block' && labels === '{app="shop"}')
  t.match(block, { tenant: 'a', day: 20_000, rows: 3000, minNs: '1728000000000000000' })
  t.match(block?.split, { lines: 3000, columns: [{ kind: 'number' }] })
})

test('wrong command lines and wrong paths exit with 2', async t => {
  const { dir, around } = await restingStore(t)
  const wrong: [keyof typeof commands, string[], RegExp][] = [
    ['verify', [], /takes a directory, and nothing else\n\nskald verify \[options\] DIR/],
    ['verify', [dir, dir], /takes a directory/],
    ['verify', ['--nosuch', dir], /--nosuch/],
    ['verify', ['--rebuild', '--deep', dir], /--rebuild checks nothing/],
    ['verify', [join(around, 'nowhere')], /does not exist/],
    ['verify', [around], /is no data directory of a store/],
    ['inspect', [], /takes a file/],
    ['inspect', [join(dir, 'catalog.sqlite')], /is no segment/],
    ['backup', [dir], /takes a data directory and a target/],
    ['backup', [dir, 's3://bucket/x'], /backups are only supported in directories so far/],
    ['backup', [dir, join(dir, 'in')], /is in .*\/store: name another directory/],
    ['backup', [around, join(around, 'b')], /is in|is no data directory/],
    ['restore', [dir], /takes a backup and a data directory/],
    ['restore', [dir, join(around, 'r')], /is no finished backup/],
    ['restore', ['s3://bucket/x', join(around, 'r')], /only supported in directories/],
  ]
  for (const [name, argv, message] of wrong) {
    const { code, err } = await run(name, ...argv)
    t.equal(code, 2, `${name} ${argv.join(' ')}`)
    t.match(err, message)
  }
  t.same(readdirSync(around).sort(), ['store'], 'nothing was made')
})

test('what fails for another reason exits with 1 and one line', async t => {
  const { dir, around } = await restingStore(t)
  const missing = await run('inspect', join(dir, 'segments/nowhere.seg'))
  t.equal(missing.code, 1)
  t.match(missing.err, /^Cannot open .*nowhere\.seg: no such file or directory$/)
  const store = await startTestStore(t, { dir: join(around, 'running') })
  const locked = await run('verify', '--rebuild', store.dir)
  t.equal(locked.code, 1)
  t.match(locked.err, /^Cannot use the data directory .* is using it/)
  await store.stop()
})

test('tools for replicas want their configuration', async t => {
  const { dir } = await restingStore(t)
  const url = 's3://logs/skald'
  const wrong: [keyof typeof commands, ...string[]][] = [
    ['verify', '--rebuild', url],
    ['verify', url, '--config.file=replicas.yaml'],
    ['verify', '--rebuild', '--config.file=replicas.yaml', dir],
    ['move', dir],
    ['move', '--config.file=replicas.yaml'],
  ]
  for (const argv of wrong) {
    const { code, err } = await run(...argv)
    t.equal(code, 2, argv.join(' '))
    t.match(err, /config\.file|not checked|a data directory/)
  }
  const file = join(dir, 'single.yaml')
  writeFileSync(file, 'auth_enabled: false\n')
  const useless: [keyof typeof commands, ...string[]][] = [
    ['verify', '--rebuild', `-config.file=${file}`, url],
    ['move', `-config.file=${file}`, dir],
  ]
  for (const argv of useless) {
    const { code, err } = await run(...argv)
    t.equal(code, 2, argv.join(' '))
    t.match(err, /describes no replicas: it needs a bucket and skald\.catalog\.postgres_url/)
  }
  t.notOk(existsSync(join(dir, 'moved.json')))
})
