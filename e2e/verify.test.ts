// Checks a store under load, describes its files, and makes its catalog again, with the store and the commands
// killed meanwhile.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { t as root, test } from 'tap'
import { Random } from '../bench/random.ts'
import { openLimits, startStore } from './harness.ts'
import { killed, objectsOf, SteadyLoad, skald, warningsIn } from './upkeep-commands.ts'

root.setTimeout(120_000)
const seed = Number(process.env.SKALD_CRASH_SEED ?? Date.now() % 1_000_000)

test('a store under load is sound, also after kills; damage is found, and a rebuild loses nothing', async t => {
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const dir = t.testdir()
  const store = await startStore(t, { dir, config: openLimits })
  const data = join(dir, 'store-data')
  const segments = join(data, 'segments')
  const load = new SteadyLoad(store)
  load.start()
  await load.waitForPushes(20)

  const sound = async (...options: string[]) => {
    const ended = await skald(['verify', '--json', ...options, data])
    t.equal(ended.code, 0, ended.out + ended.err)
    const summary = objectsOf(ended).at(-1)
    t.match(summary, { kind: 'summary', damage: 0 })
    t.ok(Number(summary?.segments) > 0)
    return summary!
  }
  let gone = 0
  for (let i = 0; i < 4; i++) gone += Number((await sound()).gone)
  t.comment(`${gone} segments were replaced before they were checked`)

  // Any file of it can be described. A running store may have deleted it.
  let described = 0
  for (let tries = 0; tries < 40 && described < 4; tries++) {
    // The newest one stays the longest.
    const name = readdirSync(segments).sort().at(-1)!
    const ended = await skald(['inspect', join(segments, name)])
    if (ended.code === 0) described++
    else if (existsSync(join(segments, name))) t.equal(ended.err, '', name)
    else t.match(ended.err, /no such file/)
  }
  t.ok(described > 0, `${described} files described`)

  const running = sound('--deep')
  await load.waitForPushes(3)
  await store.kill()
  await running
  await sound()

  const locked = await (async () => {
    await store.start()
    return skald(['verify', '--rebuild', data])
  })()
  t.equal(locked.code, 1)
  t.match(locked.err, /Cannot use the data directory .*: process \d+ on host/)
  await load.waitForPushes(20)
  await store.kill()
  await load.stop()

  const [compacted] = readdirSync(segments).filter(name => !name.endsWith('-0.seg'))
  const path = join(segments, compacted!)
  const bytes = readFileSync(path)
  const damaged = Buffer.from(bytes)
  damaged[8]! ^= 1
  writeFileSync(path, damaged)
  const found = await skald(['verify', '--json', data])
  t.equal(found.code, 1)
  t.match(objectsOf(found)[0], {
    ...{ kind: 'finding', severity: 'damage', file: `segments/${compacted}` },
    ...{ part: 'block', offsetBytes: 8 },
  })
  const told = await skald(['verify', data])
  t.match(told.out, /^damage: segments\/.*: block 0 of \{.*\}.*, timestamps, at byte 8: checksum/)
  t.match(told.out, /put the file back from a backup/)
  writeFileSync(path, bytes)

  let kills = 0
  for (let i = 0; i < 3; i++) if (await killed(['verify', '--rebuild', data], data, random)) kills++
  t.comment(`${kills} rebuilds killed before their end`)
  const rebuilt = await skald(['verify', '--rebuild', data])
  t.equal(rebuilt.code, 0, rebuilt.err + rebuilt.out)
  t.match(rebuilt.out, /: new catalog with \d+ segments?, \d+ streams?, 0 delete requests; the old/)
  await sound('--deep')
  const before = store.output().length
  await store.start()
  t.same(await load.problems(store, load.acknowledged()), [])
  t.same(warningsIn(store.output().slice(before)), [])
})
