import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import { DiskRoom } from '../../src/objects/disk-room.ts'

const clock = { now: () => Date.now() }
/** More than any disk has, so that there is room only while the test says so. */
const far = 2 ** 60

test('a commit without room is refused at once if nothing can make room', async t => {
  const catalog = { level0: async () => ({ segments: 0, sizeBytes: 0, oldestMs: 0 }) }
  const room = new DiskRoom({ directory: t.testdir(), catalog, clock })
  await room.forCommit(1)
  await t.rejects(room.forCommit(far), {
    code: 'STORAGE_UNAVAILABLE',
    message: /MiB free, of which .* MiB are reserved for merging; free some disk space/,
  })
})

test('a commit waits until there is room', async t => {
  // A level 0 of negative size stands for a merge that freed space.
  const level0 = { segments: 0, sizeBytes: 0, oldestMs: 0 }
  const catalog = { level0: async () => ({ ...level0 }) }
  let made = 0
  const room = new DiskRoom({
    ...{ directory: t.testdir(), catalog, clock },
    relief: {
      minFreeBytes: undefined,
      onShort: () => {},
      makeRoom: async () => {
        made++
        await sleep(1)
        if (made === 3) level0.sizeBytes = -2 * far
        return true
      },
    },
  })
  await room.forCommit(far / 2 ** 10)
  t.equal(made, 3)
})

test('a commit is refused as soon as there is nothing left to delete', async t => {
  const catalog = { level0: async () => ({ segments: 0, sizeBytes: 0, oldestMs: 0 }) }
  let made = 0
  const room = new DiskRoom({
    ...{ directory: t.testdir(), catalog, clock },
    relief: {
      minFreeBytes: undefined,
      onShort: () => {},
      makeRoom: async () => ++made < 3,
    },
  })
  await t.rejects(room.forCommit(far), { code: 'STORAGE_UNAVAILABLE' })
  t.equal(made, 3)
})

test('a commit does not wait for room forever', async t => {
  const catalog = { level0: async () => ({ segments: 0, sizeBytes: 0, oldestMs: 0 }) }
  const room = new DiskRoom({
    ...{ directory: t.testdir(), catalog, clock },
    waitMs: 50,
    relief: {
      minFreeBytes: undefined,
      onShort: () => {},
      makeRoom: () => new Promise<boolean>(() => {}),
    },
  })
  const startMs = Date.now()
  await t.rejects(room.forCommit(far), { code: 'STORAGE_UNAVAILABLE' })
  const tookMs = Date.now() - startMs
  t.ok(tookMs >= 45 && tookMs < 5000, `it took ${tookMs} ms`)
})
