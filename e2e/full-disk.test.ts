// A store on a small disk that fills up, from its own pushes and from other files, and may delete
// nothing: pushes are rejected in time, reads still work, and the store recovers on its own.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, test } from 'tap'
import { openLimits, startStore, type TestStore } from './harness.ts'
import { freeMib, mountDisk } from './small-disk.ts'

const timeoutMs = 120_000
root.setTimeout(timeoutMs)
const diskMib = 64

/** Builds lines that zstd cannot compress, so that only rejecting pushes saves the disk. */
function body(number: number): string {
  const nowMs = Date.now()
  const values = Array.from({ length: 1000 }, (_, i) => {
    const noise = Array.from({ length: 8 }, () => Math.random().toString(36).slice(2)).join('')
    return [`${nowMs}${String(i).padStart(6, '0')}`, `push ${number} line ${i} ${noise.repeat(8)}`]
  })
  return JSON.stringify({ streams: [{ stream: { app: 'full' }, values }] })
}

const push = (store: TestStore, number: number) => store.pushBytes(body(number), 'application/json')

async function count(store: TestStore): Promise<number> {
  const { result } = await store.query('query', { query: 'sum(count_over_time({app="full"}[1h]))' })
  return Number(result[0]?.value?.[1] ?? 0)
}

test('when pushes fill a disk, merges keep their space, and pushes resume afterwards', async t => {
  t.setTimeout(timeoutMs)
  // Outside the checkout, where a leftover mount would block the next run.
  const dir = mkdtempSync(join(tmpdir(), 'skald-full-disk-'))
  const disk = mountDisk(t, dir, diskMib)
  if (!disk) {
    t.comment('skipped: only root may mount a disk')
    return
  }
  const config = `${openLimits}\ncompactor: {retention_min_free_bytes: 0}`
  const store = await startStore(t, { dir, config })
  let stored = 0
  let refused: Awaited<ReturnType<typeof push>> | undefined
  for (let i = 0; i < 500 && !refused; i++) {
    const answer = await push(store, i)
    if (answer.status === 204) stored++
    else refused = answer
  }
  t.equal(refused?.status, 503)
  t.equal(refused?.headers.get('retry-after'), '1')
  t.match(
    refused?.body,
    /Cannot store pushes: .* MiB free, of which .* MiB are reserved for merging/,
  )
  const atRefusal = freeMib(disk)
  t.ok(atRefusal > 16, `${atRefusal} MiB are left`)
  t.equal(await count(store), stored * 1000, 'reads go on')

  // Another file takes the remaining space, and frees it again.
  writeFileSync(join(disk, 'other'), Buffer.alloc(Math.floor(atRefusal - 1) * 1024 * 1024))
  t.equal((await push(store, 1000)).status, 503)
  await store.request('/flush')
  t.equal(await count(store), stored * 1000, 'a merge without room changes nothing')
  await store.kill()
  await store.start()
  t.equal(await count(store), stored * 1000, 'nor does a start on a full disk')
  rmSync(join(disk, 'other'))

  await store.request('/flush')
  t.ok(freeMib(disk) > atRefusal, `${freeMib(disk)} MiB are left after the merge`)
  await sleep(500)
  t.equal((await push(store, 2000)).status, 204, 'pushes are accepted again')
  t.equal(await count(store), (stored + 1) * 1000)
  await store.stop()
})
