// Backs up a store under load, with the backup, the store and the restore killed meanwhile. What was acknowledged
// before a backup began is in the store that is restored from it.

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { Random } from '../bench/random.ts'
import { openLimits, startStore, startStoreOn } from './harness.ts'
import { killed, objectsOf, SteadyLoad, skald, warningsIn } from './upkeep-commands.ts'

root.setTimeout(120_000)
const seed = Number(process.env.SKALD_CRASH_SEED ?? Date.now() % 1_000_000)

test('a backup of a store under load has every line that was acknowledged before it', async t => {
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const dir = t.testdir()
  const store = await startStore(t, { dir, config: openLimits })
  const data = join(dir, 'store-data')
  const target = join(dir, 'backup')
  const load = new SteadyLoad(store)
  load.start()
  await load.waitForPushes(20)

  let kills = 0
  for (let i = 0; i < 3; i++) if (await killed(['backup', data, target], target, random)) kills++
  t.comment(`${kills} backups killed before their end`)
  const first = await skald(['backup', data, target])
  t.equal(first.code, 0, first.err + first.out)
  t.match(first.out, /^.*: backup of .* with \d+ segments?, .*: \d+ copied/)

  // The store is killed while a backup runs.
  const running = skald(['backup', data, target, '--json'])
  await load.waitForPushes(5)
  await store.kill()
  const second = await running
  t.equal(second.code, 0, second.err + second.out)
  t.match(objectsOf(second).at(-1), { kind: 'summary', damage: 0 })
  await store.start()
  await load.waitForPushes(20)

  const pushes = load.acknowledged()
  const last = await skald(['backup', data, target])
  t.equal(last.code, 0, last.err + last.out)
  await load.stop()
  const verified = await skald(['verify', '--deep', target])
  t.equal(verified.code, 0, verified.out)
  t.match(verified.out, /: all is sound\n$/)

  const restored = join(dir, 'other', 'data')
  mkdirSync(join(dir, 'other'))
  for (let i = 0; i < 2; i++) await killed(['restore', target, restored], restored, random)
  if (!existsSync(join(restored, 'catalog.sqlite'))) {
    const ended = await skald(['restore', target, restored])
    t.equal(ended.code, 0, ended.err + ended.out)
    t.match(ended.out, /: restored the backup of /)
  }
  const sound = await skald(['verify', '--deep', restored])
  t.equal(sound.code, 0, sound.out + sound.err)
  const other = await startStoreOn(t, {
    configFile: join(dir, 'store.yaml'),
    dir: join(dir, 'other'),
  })
  t.same(await load.problems(other, pushes), [])
  t.same(warningsIn(other.output()), [])
  t.same(await load.problems(store, load.acknowledged()), [], 'the store has lost nothing either')
})

const isRoot = process.getuid?.() === 0
const nobody = { uid: 65_534, gid: 65_534 }

/** Makes a store with some lines and stops it. Returns its data directory. */
async function restingStore(t: Parameters<typeof startStore>[0], dir: string, lines: number) {
  const store = await startStore(t, { dir, config: openLimits })
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const random = new Random(seed)
  const noise = () => random.between(0, 1e9).toString(36)
  const entries = Array.from({ length: lines }, (_, i) => ({
    timestampNs: nowNs + BigInt(i),
    line: `line ${i} ${Array.from({ length: 30 }, noise).join('')}`,
  }))
  for (let at = 0; at < lines; at += 200) {
    const labels = createLabelSet({ app: 'full' })
    const answer = await store.push([{ labels, entries: entries.slice(at, at + 200) }])
    if (answer.status !== 204) throw new Error(answer.body)
  }
  await store.stop()
  return join(dir, 'store-data')
}

test('a target that is full ends the backup, and once there is room it is finished', async t => {
  if (!isRoot) {
    t.comment('skipped: only root may mount a disk')
    return
  }
  // Outside the checkout, where a leftover mount would block the next run.
  const dir = mkdtempSync(join(tmpdir(), 'skald-full-target-'))
  const disk = join(dir, 'disk')
  mkdirSync(disk)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], { stdio: 'ignore' })
  } catch {
    t.comment('skipped: this container may not mount a disk')
    return
  }
  t.teardown(() => {
    execFileSync('umount', ['-l', disk])
    rmSync(dir, { recursive: true })
  })
  const resize = (size: string) => execFileSync('mount', ['-o', `remount,size=${size}`, disk])
  const data = await restingStore(t, dir, 10_000)
  const target = join(disk, 'backup')
  const isRefused = async (expected: RegExp) => {
    const ended = await skald(['backup', data, target])
    t.equal(ended.code, 1, ended.out)
    t.match(ended.err, expected)
    t.equal(ended.err.trimEnd().split('\n').length, 1, ended.err)
    t.notOk(existsSync(join(target, 'backup.json')))
    t.same(
      readdirSync(target).filter(name => name.startsWith('catalog')),
      [],
    )
  }
  await isRefused(/Cannot copy the catalog into .*: the disk is full\. Free some space there/)
  resize('1m')
  await isRefused(/segments has .* free, and .* are needed: free some space there/)
  // Just enough by the sizes of the files, which is too little in whole pages.
  const bytesIn = (path: string) =>
    readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0)
  const bytes = bytesIn(join(data, 'segments'))
  const catalogBytes = statSync(join(data, 'catalog.sqlite')).size
  resize(`${Math.ceil((bytes + catalogBytes) / 4096) * 4 + 16}k`)
  await isRefused(
    /Cannot write \d+-0\.seg into .*: the disk is full\. Free some space there and run/,
  )
  const there = readdirSync(join(target, 'segments'))
  t.ok(there.length > 0, `${there.length} segments are copied`)
  resize('64m')
  const done = await skald(['backup', '--json', data, target])
  t.equal(done.code, 0, done.err)
  const { segments, copied } = objectsOf(done).at(-1) as Record<string, number>
  t.equal(copied, segments! - there.length, 'what was copied is not copied again')
  t.equal((await skald(['verify', target])).code, 0)

  resize(`${Math.ceil((bytes + catalogBytes) / 1024) + 500}k`)
  const full = await skald(['restore', target, join(disk, 'restored')])
  t.equal(full.code, 1)
  t.match(full.err, /are needed: free some space there/)
  resize('64m')
  const restored = await skald(['restore', target, join(disk, 'restored')])
  t.equal(restored.code, 0, restored.err)
  t.equal((await skald(['verify', join(disk, 'restored')])).code, 0)
})

test('without permission, each command says so in one line', async t => {
  if (!isRoot || (await skald(['version'], nobody)).code !== 0) {
    t.comment('skipped: only root can become another user, who must be able to run the command')
    return
  }
  const dir = mkdtempSync(join(tmpdir(), 'skald-permission-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const data = await restingStore(t, dir, 10)
  chmodSync(dir, 0o755)
  const [segment] = readdirSync(join(data, 'segments'))
  const isDenied = async (args: string[], code: number) => {
    const ended = await skald(args, nobody)
    t.equal(ended.code, code, args.join(' '))
    t.match(ended.err, /permission denied/)
    t.equal(ended.err.trimEnd().split('\n').length, 1, ended.err)
  }
  await isDenied(['verify', data], 2)
  await isDenied(['inspect', join(data, 'segments', segment!)], 1)
  await isDenied(['backup', data, join(dir, 'backup')], 1)
  t.equal((await skald(['backup', data, join(dir, 'backup')])).code, 0)
  await isDenied(['restore', join(dir, 'backup'), join(dir, 'restored')], 1)
  await isDenied(['verify', '--rebuild', data], 2)
})
