import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { openSegmentCache } from '../../src/bucket/segment-cache.ts'
import { cacheFillsMax } from '../../src/limits.ts'
import { WorkSlots } from '../../src/work-slots.ts'

const sizeBytes = 4_000_000
/** The byte of a segment at an offset: never 0, which a hole has. */
const byteAt = (offset: number) => 1 + (offset % 250)

async function openCache(
  t: Test,
  { boundBytes = 10 * sizeBytes, isHeld = false, onRead = () => {} } = {},
) {
  const dir = t.testdir()
  const directory = join(dir, 'segments')
  const cacheDir = join(dir, 'cache')
  mkdirSync(directory)
  const reads: string[] = []
  let failing: Error | undefined
  /** Reads that wait for `arrive`. */
  const waiting = new Map<string, () => void>()
  const open = () =>
    openSegmentCache({
      ...{ directory, cacheDir },
      slots: new WorkSlots({ countMax: 3, bytesMax: 1000 }),
      read: async (segment, { start, end }) => {
        reads.push(`${segment} ${start}-${end}`)
        onRead()
        if (failing) throw failing
        if (isHeld)
          await new Promise<void>(resolve => {
            waiting.set(reads.at(-1)!, resolve)
          })
        return Buffer.from(Uint8Array.from({ length: end - start }, (_, i) => byteAt(start + i)))
      },
      bound: async () => boundBytes,
    })
  const cache = await open()
  const read = (segment: string, start: number, length: number) => {
    const file = openSync(join(directory, segment), 'r')
    const bytes = Buffer.alloc(length)
    readSync(file, bytes, 0, length, start)
    closeSync(file)
    return bytes.every((byte, i) => byte === byteAt(start + i))
  }
  const want = (segment: string, start: number, end: number) => ({
    ...{ segment, sizeBytes },
    ranges: [{ start, end }],
  })
  return {
    ...{ cache, directory, cacheDir, reads, read, want, open },
    arrive: (what: string) => waiting.get(what)!(),
    fail: (error: Error | undefined) => {
      failing = error
    },
  }
}

test('only what is missing is read, and read once', async t => {
  const { cache, directory, reads, read, want } = await openCache(t)
  const release = await cache.hold([want('s', 100, 200), want('s', 1_000_000, 1_000_100)])
  t.same(reads.toSorted(), ['s 100-200', 's 1000000-1000100'])
  t.ok(read('s', 100, 100))
  t.equal(statSync(join(directory, 's')).size, sizeBytes, 'the file has its full length')
  await Promise.all([cache.hold([want('s', 150, 300)]), cache.hold([want('s', 150, 300)])])
  t.same(reads.slice(2), ['s 200-300'])
  t.ok(read('s', 100, 200))
  t.equal(cache.bytes, 300)
  release()
})

test('ranges of one segment are read at the same time, and each once', async t => {
  const { cache, want, reads, read, arrive } = await openCache(t, { isHeld: true })
  const held = [
    cache.hold([want('s', 0, 100)]),
    cache.hold([want('s', 1_000_000, 1_000_100)]),
    cache.hold([want('s', 1_000_050, 1_000_200)]),
  ]
  let isDone = false
  held[2]!.then(() => {
    isDone = true
  })
  for (let tries = 0; reads.length < 3 && tries < 500; tries++) await sleep(2)
  t.same(reads.toSorted(), ['s 0-100', 's 1000000-1000100', 's 1000100-1000200'])
  arrive('s 1000100-1000200')
  await sleep(20)
  t.notOk(isDone, 'half of it is not there')
  arrive('s 1000000-1000100')
  await held[2]
  t.ok(read('s', 1_000_050, 150))
  const emptied = cache.distrust('s')
  arrive('s 0-100')
  await Promise.all([...held, emptied])
  t.equal(cache.bytes, 0, 'what arrived before is emptied too')
  const again = cache.hold([want('s', 0, 100)])
  for (let tries = 0; reads.length < 4 && tries < 500; tries++) await sleep(2)
  arrive('s 0-100')
  await again
  t.ok(read('s', 0, 100))
})

test('the least recently used is emptied first, but nothing that is held', async t => {
  const { cache, read, want } = await openCache(t, { boundBytes: 3000 })
  const hold = (segment: string) => cache.hold([want(segment, 0, 1000)])
  const releaseA = await hold('a')
  for (const segment of ['b', 'c']) (await hold(segment))()
  ;(await hold('b'))()
  ;(await hold('d'))()
  t.equal(cache.bytes, 3000)
  t.ok(read('a', 0, 1000), 'held')
  t.ok(read('b', 0, 1000), 'used after c')
  t.notOk(read('c', 0, 1000))
  releaseA()
  ;(await hold('c'))()
  ;(await hold('e'))()
  t.notOk(read('a', 0, 1000))
  t.ok(read('c', 0, 1000), 'read again')
  t.equal(cache.bytes, 3000)
})

test('a file that is open stays the one that is filled', async t => {
  const { cache, directory, want } = await openCache(t)
  ;(await cache.hold([want('s', 0, 1000)]))()
  const file = openSync(join(directory, 's'), 'r')
  await cache.distrust('s')
  t.equal(cache.bytes, 0)
  ;(await cache.hold([want('s', 5000, 5010)]))()
  const bytes = Buffer.alloc(10)
  readSync(file, bytes, 0, 10, 5000)
  closeSync(file)
  t.equal(bytes[0], byteAt(5000))
})

test('whole files count, stay while they are the only copy, and are read again later', async t => {
  const { cache, directory, read, want, reads } = await openCache(t, { boundBytes: 5000 })
  writeFileSync(
    join(directory, 'w'),
    Uint8Array.from({ length: 4000 }, (_, i) => byteAt(i)),
  )
  cache.addWhole('w', 4000, { isOnly: true })
  ;(await cache.hold([want('s', 0, 3000)]))()
  t.ok(existsSync(join(directory, 'w')))
  for (let tries = 0; cache.bytes > 4000 && tries < 500; tries++) await sleep(2)
  t.equal(cache.bytes, 4000, 'the other went as soon as nobody held it')
  t.ok(cache.isOnly('w'))
  ;(await cache.hold([{ segment: 'w', sizeBytes: 4000, ranges: [{ start: 0, end: 10 }] }]))()
  t.same(reads, ['s 0-3000'])
  await cache.setSafe('w')
  t.equal(cache.bytes, 4000, 'within the bound again')
  await cache.shrinkBy(4000)
  t.notOk(existsSync(join(directory, 'w')))
  ;(await cache.hold([{ segment: 'w', sizeBytes: 4000, ranges: [{ start: 0, end: 10 }] }]))()
  t.ok(read('w', 0, 10))
  await cache.remove('w')
  t.notOk(existsSync(join(directory, 'w')))
  t.equal(cache.bytes, 0)
})

test('a failed read leaves nothing that counts as filled', async t => {
  const { cache, read, want, fail } = await openCache(t)
  fail(new Error('away'))
  await t.rejects(cache.hold([want('s', 0, 10)]), { message: 'away' })
  fail(undefined)
  ;(await cache.hold([want('s', 0, 10)]))()
  t.ok(read('s', 0, 10))
  t.equal(cache.bytes, 10)
})

test('a new process removes partial files, and nothing else', async t => {
  const { cache, directory, cacheDir, want, open } = await openCache(t)
  ;(await cache.hold([want('s', 0, 10)]))()
  writeFileSync(join(directory, 'whole'), 'x')
  symlinkSync('/elsewhere', join(directory, 'other'))
  const again = await open()
  t.same(readdirSync(directory).sort(), ['other', 'whole'])
  t.same(readdirSync(cacheDir), [])
  t.equal(again.bytes, 0)
})

const linux = process.platform === 'linux' ? false : 'descriptors are listed in /proc'

test('however many segments are held, few files are open at a time', { skip: linux }, async t => {
  let most = 0
  const descriptors = () => readdirSync('/proc/self/fd').length
  const { cache, reads, want } = await openCache(t, {
    onRead: () => (most = Math.max(most, descriptors())),
  })
  const before = descriptors()
  const names = Array.from({ length: 1500 }, (_, i) => `s${i}`)
  const release = await cache.hold(names.map(name => want(name, 0, 10)))
  t.equal(reads.length, names.length)
  t.ok(most <= before + 2 * cacheFillsMax, `${most - before} more`)
  release()
})
