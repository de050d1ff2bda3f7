// Makes each step at which the store changes a file or the catalog fail in turn: by an error, and
// by the end of the process before and after it, during commits, merges, deletes and retention.
// After each fault, every acknowledged line exists once, deleted lines stay deleted, and no file is
// left over.

import { copyFile, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { type Test, test } from 'tap'
import type { LocalCatalog } from '../src/catalog/catalog.ts'
import { openSqliteCatalog } from '../src/catalog/sqlite.ts'
import { Compactor } from '../src/compaction/compactor.ts'
import { DeleteSweep } from '../src/compaction/delete-sweep.ts'
import { Retention } from '../src/compaction/retention.ts'
import { SpaceRetention } from '../src/compaction/space-retention.ts'
import { openDeleteRegistry } from '../src/deletes/delete-registry.ts'
import { Committer } from '../src/ingest/committer.ts'
import { openDiskObjectStore } from '../src/objects/disk.ts'
import type { ObjectStore } from '../src/objects/object-store.ts'
import { recover } from '../src/recovery.ts'
import { segmentName } from '../src/segment/name.ts'
import { SegmentIndex } from '../src/segment-index.ts'
import { acceptedStream, createTestLogger, dayNs, midnightNs, type Row } from './harness.ts'
import { readSegment } from './segment-rows.ts'

/** How a step fails: with an error, or by the end of the process before or after it. */
type FaultKind = 'error' | 'killed before' | 'killed after'
const faultKinds: readonly FaultKind[] = ['error', 'killed before', 'killed after']

/** Makes one step fail, and once the process has ended, all steps after it. */
class Faults {
  readonly #at: number
  readonly #kind: FaultKind
  #count = 0
  isDead = false

  constructor(at: number, kind: FaultKind) {
    this.#at = at
    this.#kind = kind
  }

  get hasHappened(): boolean {
    return this.#count >= this.#at
  }

  async step<T>(work: () => Promise<T>): Promise<T> {
    if (this.isDead) throw new Error('the process has ended')
    if (++this.#count !== this.#at) return work()
    if (this.#kind === 'error') throw new Error('no space left on device')
    if (this.#kind === 'killed after') await work()
    this.isDead = true
    throw new Error('the process ends here')
  }

  /** Wraps an object so that its named methods count as steps. */
  watch<T extends object>(target: T, steps: readonly string[]): T {
    return new Proxy(target, {
      get: (_, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        const call = value.bind(target) as (...args: unknown[]) => Promise<unknown>
        if (!steps.includes(String(name))) return call
        return (...args: unknown[]) => this.step(() => call(...args))
      },
    })
  }
}

const objectSteps = ['put', 'delete', 'setAside']
const catalogSteps = [
  ...[
    'addSegments',
    'addFound',
    'settle',
    'removeSegments',
    'forgetDropped',
    'dropBefore',
    'retainStreams',
  ],
]
const deleteSteps = ['add', 'setState']

/** Opens a store's storage for one life of a process. */
async function openLife(dir: string, faults: Faults, clock: { now(): number }) {
  const segmentsDir = join(dir, 'segments')
  const disk = await openDiskObjectStore(segmentsDir)
  const sqlite = openSqliteCatalog(join(dir, 'catalog.sqlite'))
  const requests = faults.watch(sqlite.deleteRequests, deleteSteps)
  const watched = faults.watch(sqlite as LocalCatalog, catalogSteps)
  const catalog = new Proxy(watched, {
    get: (target, name) => (name === 'deleteRequests' ? requests : Reflect.get(target, name)),
  })
  const objects: ObjectStore = faults.watch(disk, objectSteps)
  const { logger } = createTestLogger()
  const close = async () => {
    await compactor?.close()
    await sqlite.close()
    await disk.close()
  }
  let compactor: Compactor | undefined
  try {
    let sequence = await recover({ catalog, objects, logger })
    const nextSequence = () => ++sequence
    const segments = new SegmentIndex(objects, catalog, logger)
    const registry = await openDeleteRegistry({ requests, clock })
    const deletes = new DeleteSweep({
      ...{ catalog, segments, registry, logger, clock, nextSequence },
      cancelPeriodMs: 0,
      mayDelete: () => true,
    })
    const limitsOf = (tenant: string) => ({
      ...{ retentionNs: 2n * dayNs, retentionStreams: [] },
      retentionMaxBytes: tenant === 'large' ? 1 : 0,
    })
    const retention = new Retention({ catalog, segments, logger, clock, limitsOf })
    const space = new SpaceRetention({
      ...{ catalog, segments, objects, logger, clock, limitsOf },
      settings: { maxBytes: 0, minFreeBytes: 0, minAgeMs: 86_400_000 },
      readUsage: async () => ({ totalBytes: 1, freeBytes: 1, takenBytes: 0 }),
      onDelete: () => {},
    })
    const worker = { directory: segmentsDir, logLevelFields: ['level'] }
    compactor = new Compactor({
      ...{ catalog, segments, logger, clock, nextSequence, worker, deletes, retention, space },
    })
    const committer = new Committer({
      ...{ objects, catalog, clock, logger, nextSequence },
      arriving: () => 0,
      onCommit: ({ name, footer }) => segments.commit(name, footer),
    })
    const flush = () => compactor!.flush()
    return { catalog, committer, flush, registry, segmentsDir, close }
  } catch (error) {
    await close()
    throw error
  }
}

type Life = Awaited<ReturnType<typeof openLife>>

const lineOf = (i: number): Row => [
  midnightNs + BigInt(i),
  `${i % 3 === 0 ? 'secret' : 'plain'} ${i}`,
]
/** Within the retention period, but of a tenant that may not keep it. */
const largeLine: Row = [midnightNs - dayNs, 'of a tenant above its size']
const oldLine = (i: number): Row => [midnightNs - 3n * dayNs + BigInt(i), `old ${i}`]

/** Pushes like an agent: until the push is acknowledged. */
async function push({ committer }: Life, rows: readonly Row[], tenant = 'a'): Promise<void> {
  await committer.add(tenant, [acceptedStream({ app: 'x' }, rows)], 100)
}

/** Returns a clock that starts on the day after the lines and can be moved forward. */
function startClock() {
  const clock = {
    ms: Number((midnightNs + dayNs) / 1_000_000n) - Date.now(),
    now: () => Date.now() + clock.ms,
  }
  return clock
}

/** What happens to a store. Each step can be repeated after a failure. */
const story: readonly ((life: Life, clock: { ms: number }) => Promise<void>)[] = [
  life => push(life, [lineOf(0), lineOf(1), oldLine(0)]),
  life => push(life, [lineOf(2), lineOf(3), oldLine(1)]),
  life => life.flush(),
  life => push(life, [lineOf(4), lineOf(5), lineOf(6)]),
  life => life.flush(),
  async ({ registry }) => {
    if ((await registry.list('a')).length > 0) return
    const day = {
      startMs: Number(midnightNs / 1_000_000n),
      endMs: Number(midnightNs / 1_000_000n) + 86_400_000,
    }
    await registry.add({ tenant: 'a', query: '{app="x"} |= "secret"', ...day })
  },
  life => life.flush(),
  life => push(life, [lineOf(7), lineOf(8)]),
  life => push(life, [largeLine], 'large'),
  async (life, clock) => {
    clock.ms += 3_600_000
    await life.flush()
  },
]
const wanted = [1, 2, 4, 5, 7, 8].map(i => lineOf(i)[1]).sort()

/** Runs the story with one fault. Returns whether the fault occurred. */
async function live(t: Test, dir: string, faults: Faults): Promise<boolean> {
  const clock = startClock()
  let life: Life | undefined
  const restart = async () => {
    await life?.close()
    faults.isDead = false
    life = undefined
    // If the start itself fails, the next one has no fault.
    life = await openLife(dir, faults, clock).catch(() => {
      faults.isDead = false
      return openLife(dir, faults, clock)
    })
  }
  await restart()
  for (const step of story) {
    for (let attempt = 0; attempt < 3; attempt++) {
      const isDone = await step(life!, clock).then(
        () => true,
        () => false,
      )
      if (faults.isDead) await restart()
      else if (isDone) break
    }
  }
  await restart()
  await life!.flush()
  const { catalog, segmentsDir, registry } = life!
  const known = (await catalog.listSegments()).map(({ name }) => name).sort()
  const rows = await Promise.all(known.map(name => readSegment(segmentsDir, name)))
  const lines = rows.flatMap(segment => segment.rows.map(({ line }) => line)).sort()
  // Unacknowledged lines are pushed again, although they may have been stored the first time.
  t.same(lines, wanted, 'each line that was acknowledged, once, and no other')
  t.same(
    (await registry.list('a')).map(({ state }) => state),
    ['processed'],
  )
  t.same(await readdir(segmentsDir), known, 'no file is left over')
  await life!.close()
  return faults.hasHappened
}

// `npm test` runs a twelfth of the steps for each kind of fault, a different twelfth each, and other ones on
// the next days. FAULTS=full runs all.
const isFull = process.env.FAULTS === 'full'
const daysForAll = 4
const stride = isFull ? 1 : daysForAll * faultKinds.length
const today = new Date().getUTCDate() % daysForAll

for (const [k, kind] of faultKinds.entries()) {
  const what = kind === 'error' ? 'that fails' : `at which it is ${kind}`
  test(`storage with a step ${what}`, { timeout: isFull ? 600_000 : 120_000 }, async t => {
    let last = 0
    for (let at = isFull ? 1 : k + 1 + today * faultKinds.length; ; at += stride) {
      const dir = join(t.testdir(), String(at))
      await mkdir(dir, { recursive: true })
      let hasHappened = false
      await t.test(`step ${at}`, async step => {
        hasHappened = await live(step, dir, new Faults(at, kind))
      })
      await rm(dir, { recursive: true })
      if (!hasHappened) break
      last = at
    }
    t.ok(last > 20, `${last} steps failed`)
  })
}

test('a leftover of an older version does not bring deleted entries back', async t => {
  const dir = t.testdir()
  const clock = startClock()
  const none = new Faults(Number.POSITIVE_INFINITY, 'error')
  const life = await openLife(dir, none, clock)
  await push(life, [lineOf(0), lineOf(1)])
  await life.flush()
  const [merged] = await readdir(life.segmentsDir)
  const orphan = join(dir, 'orphan')
  // A merge of the same segments that was never added, as a failed transaction leaves it.
  await copyFile(join(life.segmentsDir, merged!), orphan)
  for (const step of story.slice(5, 7)) await step(life, clock)
  await life.close()
  await copyFile(orphan, join(life.segmentsDir, segmentName(2, 1)))
  const database = new Database(join(dir, 'catalog.sqlite'))
  database.exec(
    'DROP TABLE pair_days; DROP TABLE marks; DROP TABLE lost_segments;' +
      'DROP TABLE rule_groups; DROP TABLE rule_evaluations; DROP TABLE rule_alerts;' +
      'ALTER TABLE segments DROP COLUMN version;' +
      'PRAGMA user_version = 2; PRAGMA application_id = 0',
  )
  database.close()
  const later = await openLife(dir, none, clock)
  t.teardown(() => later.close())
  const known = (await later.catalog.listSegments()).map(({ name }) => name)
  const rows = await Promise.all(known.map(name => readSegment(later.segmentsDir, name)))
  t.same(
    rows.flatMap(segment => segment.rows.map(({ line }) => line)),
    ['plain 1'],
  )
  t.same(await readdir(join(dir, 'quarantine')), [segmentName(2, 1)])
})
