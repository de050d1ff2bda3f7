// A store on a small disk whose clients push at full speed, far more than the disk holds: retention by
// free space makes room in time, so that no push is answered with an error.

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { t as root, type Test, test } from 'tap'
import { openLimits, startStore, type TestStore } from './harness.ts'
import { freeMib, mountDisk } from './small-disk.ts'

const timeoutMs = 170_000
root.setTimeout(timeoutMs)
const dayMs = 86_400_000
const linesPerPush = 1000

/** Texts that zstd cannot compress well. Pushes take their lines from here, because it is fast. */
const noise = Array.from({ length: 500 }, () =>
  Array.from({ length: 50 }, () => Math.random().toString(36).slice(2)).join(''),
)

/** Builds 1,000 lines, some 700 KB that hardly compress, from a time on. */
function bodyOf(number: number, fromMs: number): string {
  const values = Array.from({ length: linesPerPush }, (_, i) => {
    const text = noise[(number * 7 + i) % noise.length]!.slice(i % 97)
    const other = noise[(number * 13 + 3 * i) % noise.length]!.slice(number % 89, 400)
    return [`${fromMs}${String(i).padStart(6, '0')}`, `push ${number} line ${i} ${text}${other}`]
  })
  return JSON.stringify({ streams: [{ stream: { app: 'busy' }, values }] })
}

/** Opens a store on a disk of this size. Returns `undefined` if that is not allowed. */
async function openSmall(t: Test, mebibytes: number, compactor: string) {
  t.setTimeout(timeoutMs)
  // Outside the checkout, where a leftover mount would block the next run.
  const dir = mkdtempSync(join(tmpdir(), 'skald-small-disk-'))
  const disk = mountDisk(t, dir, mebibytes)
  if (!disk) {
    t.comment('skipped: only root may mount a disk')
    return undefined
  }
  const store = await startStore(t, { dir, config: `${openLimits}\ncompactor: ${compactor}` })
  return { store, disk }
}

async function countOf(store: TestStore, range: string): Promise<number> {
  const { result } = await store.query('query', {
    query: `sum(count_over_time({app="busy"}[${range}]))`,
  })
  return Number(result[0]?.value?.[1] ?? 0)
}

/** Returns the days of the last month that have lines, each as its last second and its count. */
async function countsByDay(
  store: TestStore,
): Promise<readonly (readonly [number | string, string])[]> {
  const lastDay = Math.ceil(Date.now() / dayMs) * 86_400
  const { result } = await store.query('query_range', {
    query: 'sum(count_over_time({app="busy"}[1d]))',
    start: String(lastDay - 30 * 86_400 - 1),
    end: String(lastDay - 1),
    step: '86400',
  })
  return result[0]?.values ?? []
}

/** Pushes from several clients at once, as fast as they are answered. Returns every answer that is not 204. */
async function pushAll(
  store: TestStore,
  { pushes, timeOf }: { readonly pushes: number; readonly timeOf: (number: number) => number },
): Promise<string[]> {
  const failures: string[] = []
  let next = 0
  const client = async () => {
    while (next < pushes) {
      const number = next++
      const answer = await store.pushBytes(bodyOf(number, timeOf(number)), 'application/json')
      if (answer.status !== 204) failures.push(`push ${number}: ${answer.status} ${answer.body}`)
    }
  }
  await Promise.all([client(), client(), client()])
  return failures
}

test('a small disk lives through days of pushes at full speed', async t => {
  const opened = await openSmall(t, 64, '{retention_min_age: 0s}')
  if (!opened) return
  const { store, disk } = opened
  // 170 pushes of 0.7 MB, nearly twice the disk. They run through 16 days and end today.
  const pushes = 170
  const startMs = Date.now() - 15 * dayMs
  const timeOf = (number: number) => startMs + Math.floor((number / pushes) * 15 * dayMs)
  t.same(await pushAll(store, { pushes, timeOf }), [], 'no push is answered with an error')
  const count = await countOf(store, '30d')
  t.ok(count > 20 * linesPerPush, `${count} lines are left`)
  t.ok(count < pushes * linesPerPush, 'the others had to go')
  const newest = await countOf(store, '12h')
  t.ok(newest >= (pushes / 30 - 1) * linesPerPush, `${newest} of the newest lines are left`)
  t.match(store.output(), /deleted the oldest day to make room/)
  t.match((await store.request('/config')).body, /^# Outlook: full/)

  const before = await countsByDay(store)
  await store.kill()
  await store.start()
  // The store may have made more room before or after the kill: whole days, the oldest first.
  const after = await countsByDay(store)
  t.ok(after.length > 1, `${after.length} of ${before.length} days are left`)
  t.same(after, before.slice(-after.length), 'a start after a kill finds the same in each of them')
  await store.stop()
  t.ok(freeMib(disk) > 16, `${freeMib(disk)} MiB are free`)
})

test('with today alone on a small disk, the oldest part of it goes if that is allowed', async t => {
  const opened = await openSmall(t, 64, '{retention_min_age: 0s}')
  if (!opened) return
  const { store } = opened
  const pushes = 120
  t.same(await pushAll(store, { pushes, timeOf: () => Date.now() }), [])
  const count = await countOf(store, '1h')
  t.ok(count >= 10 * linesPerPush && count < pushes * linesPerPush, `${count} lines are left`)
  await store.stop()
})

test('lines younger than a day are not deleted, so pushes are refused', async t => {
  const opened = await openSmall(t, 64, '{}')
  if (!opened) return
  const { store, disk } = opened
  let stored = 0
  let refused = ''
  for (let number = 0; number < 300 && refused === ''; number++) {
    const answer = await store.pushBytes(bodyOf(number, Date.now()), 'application/json')
    if (answer.status === 204) stored++
    else refused = `${answer.status} ${answer.body}`
  }
  t.match(refused, /^503 Cannot store pushes: .* MiB free/)
  t.equal((await store.pushBytes(bodyOf(0, Date.now()), 'application/json')).status, 503)
  t.equal(await countOf(store, '1h'), stored * linesPerPush, 'every line is there')
  t.match(store.output(), /all other lines are younger than compactor\.retention_min_age/)
  t.ok(freeMib(disk) > 16, `${freeMib(disk)} MiB are free`)
  await store.stop()
})

test('other files on the disk do not push out the little that the store has', async t => {
  const opened = await openSmall(t, 400, '{retention_min_age: 0s}')
  if (!opened) return
  const { store, disk } = opened
  const startMs = Date.now() - 5 * dayMs
  t.same(await pushAll(store, { pushes: 5, timeOf: number => startMs + number * dayMs }), [])
  await store.request('/flush')
  const otherMib = Math.floor(freeMib(disk) - 60)
  writeFileSync(join(disk, 'other'), Buffer.alloc(otherMib * 1024 * 1024))
  const lateMs = Date.now()
  t.same(await pushAll(store, { pushes: 1, timeOf: () => lateMs }), [])
  await store.request('/flush')
  t.equal(await countOf(store, '30d'), 6 * linesPerPush)
  t.match(store.output(), /short of free space because of other files/)
  await store.stop()
})
