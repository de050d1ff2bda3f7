import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { DiskReader, openDiskObjectStore } from '../../src/objects/disk.ts'
import { failingFiles } from '../faults/failing-files.ts'
import type { CallKind } from '../faults/simulated-disk.ts'

async function open(t: Test) {
  const dir = join(t.testdir(), 'new', 'segments')
  const objects = await openDiskObjectStore(dir)
  t.teardown(() => objects.close())
  const reader = new DiskReader(dir)
  t.teardown(() => reader.close())
  return { dir, objects, reader }
}

test('an object equals its pieces, however they were cut', async t => {
  const { dir, objects } = await open(t)
  const large = Buffer.alloc(3 * 1024 * 1024, 'large')
  const pieces = [Buffer.from('a'), Buffer.alloc(0), large, Buffer.from('z')]
  await objects.put('array', pieces)
  await objects.put(
    'generator',
    (async function* () {
      yield* pieces
    })(),
  )
  await objects.put('empty', [])
  const whole = Buffer.concat(pieces)
  t.ok((await readFile(join(dir, 'array'))).equals(whole))
  t.ok((await readFile(join(dir, 'generator'))).equals(whole))
  t.same(
    (await objects.list()).sort((a, b) => a.name.localeCompare(b.name)),
    [
      { name: 'array', sizeBytes: whole.length },
      { name: 'empty', sizeBytes: 0 },
      { name: 'generator', sizeBytes: whole.length },
    ],
  )
})

test('thousands of small pieces form one object', async t => {
  const { dir, objects } = await open(t)
  const pieces = Array.from({ length: 5000 }, (_, i) => Buffer.from(`${i},`))
  await objects.put('many', pieces)
  t.ok((await readFile(join(dir, 'many'))).equals(Buffer.concat(pieces)))
})

test('an object is never overwritten', async t => {
  const { dir, objects } = await open(t)
  await objects.put('one', [Buffer.from('first')])
  await t.rejects(objects.put('one', [Buffer.from('second')]), { code: 'EEXIST' })
  t.equal(await readFile(join(dir, 'one'), 'utf8'), 'first')
})

test('a failed write leaves nothing behind', async t => {
  const { dir, objects } = await open(t)
  const failing = function* () {
    yield Buffer.alloc(2 * 1024 * 1024)
    throw new RangeError('no more')
  }
  await t.rejects(objects.put('one', failing()), { name: 'RangeError', message: 'no more' })
  t.same(await readdir(dir), [])
})

test('ranges are read, with fewer bytes at the end', async t => {
  const { objects, reader } = await open(t)
  await objects.put('one', [Buffer.from('0123456789')])
  const f = async (offset: number, length: number, want: string) => {
    t.equal((await objects.read('one', offset, length)).toString(), want)
    t.equal(reader.read('one', { offsetBytes: offset, length }).toString(), want)
  }
  await f(0, 3, '012')
  await f(7, 3, '789')
  await f(7, 10, '789')
  await f(10, 1, '')
  await f(0, 0, '')
  t.equal(reader.sizeBytes('one'), 10)
  await t.rejects(objects.read('none', 0, 1), { code: 'ENOENT' })
  t.throws(() => reader.read('none', { offsetBytes: 0, length: 1 }), { code: 'ENOENT' })
})

test('a reader fills the given memory', async t => {
  const { objects, reader } = await open(t)
  await objects.put('one', [Buffer.from('0123456789')])
  const memory = Buffer.alloc(4)
  t.equal(reader.read('one', { offsetBytes: 2, length: 4 }, () => memory).buffer, memory.buffer)
  t.equal(memory.toString(), '2345')
})

test('a reader can use more files than it keeps open, and reads on after closing', async t => {
  const { objects, reader } = await open(t)
  for (let i = 0; i < 100; i++) await objects.put(`${i}`, [Buffer.from(`file ${i}`)])
  for (const _ of [1, 2]) {
    for (let i = 0; i < 100; i++) {
      t.equal(reader.read(`${i}`, { offsetBytes: 0, length: 20 }).toString(), `file ${i}`)
    }
    reader.close()
  }
  const open64 = (await readdir('/proc/self/fd')).length
  t.ok(open64 < 64, 'closed files are given back')
})

test('a reader can still read a file that was deleted', async t => {
  const { dir, objects, reader } = await open(t)
  await objects.put('one', [Buffer.from('still here')])
  t.equal(reader.read('one', { offsetBytes: 0, length: 5 }).toString(), 'still')
  await objects.delete(['one'])
  t.equal(reader.read('one', { offsetBytes: 6, length: 4 }).toString(), 'here')
  t.same(await readdir(dir), [])
})

test('deleting a missing object is not an error', async t => {
  const { objects } = await open(t)
  await objects.delete(['none'])
  await objects.put('one', [Buffer.from('x')])
  await objects.delete(['one'])
  t.same(await objects.list(), [])
})

test('errors of the medium are passed on', async t => {
  const { dir, objects } = await open(t)
  await rm(dir, { recursive: true })
  await t.rejects(objects.put('one', []), { code: 'ENOENT' })
  await t.rejects(objects.list(), { code: 'ENOENT' })
  await writeFile(dir, 'a file')
  await t.rejects(objects.put('one', []), { code: 'ENOTDIR' })
  await t.rejects(openDiskObjectStore(dir), { code: 'EEXIST' })
})

test('only files are listed', async t => {
  const { objects } = await open(t)
  await openDiskObjectStore(join(objects.directory, 'folder')).then(folder => folder.close())
  t.same(await objects.list(), [])
})

/** Opens a store whose calls of some kinds fail. */
async function openFailing(t: Test) {
  const failing = new Map<CallKind, string>()
  const dir = join(t.testdir(), 'segments')
  const objects = await openDiskObjectStore(
    dir,
    failingFiles(kind => failing.get(kind)),
  )
  t.teardown(() => objects.close())
  return { dir, objects, failing, quarantine: join(t.testdirName, 'quarantine') }
}

for (const kind of ['writev', 'datasync', 'sync'] as const) {
  test(`a file is removed when its ${kind} fails`, async t => {
    const { dir, objects, failing } = await openFailing(t)
    failing.set(kind, 'EIO')
    await t.rejects(objects.put('one', [Buffer.from('bytes')]), { code: 'EIO' })
    t.same(await readdir(dir), [])
    failing.clear()
    await objects.put('one', [Buffer.from('other')])
    t.equal(await readFile(join(dir, 'one'), 'utf8'), 'other')
  })
}

test('an object that is kept aside stays where it is', async t => {
  const { dir, objects, failing, quarantine } = await openFailing(t)
  await objects.put('one', [Buffer.from('bytes')])
  await objects.keepAside('one')
  await objects.keepAside('one')
  t.same(await readdir(dir), ['one'])
  await objects.delete(['one'])
  t.equal(await readFile(join(quarantine, 'one'), 'utf8'), 'bytes')
  failing.set('link', 'EIO')
  await objects.put('two', [Buffer.from('bytes')])
  await t.rejects(objects.keepAside('two'), { code: 'EIO' })
})

test('an object is copied where files have only one name', async t => {
  const { objects, failing, quarantine } = await openFailing(t)
  await objects.put('one', [Buffer.from('bytes')])
  failing.set('link', 'ENOTSUP')
  await objects.keepAside('one')
  await objects.delete(['one'])
  t.equal(await readFile(join(quarantine, 'one'), 'utf8'), 'bytes')
})

test('a store opens below a directory that it may not read', async t => {
  const dir = join(t.testdir(), 'data', 'segments')
  const files = failingFiles((kind, path) =>
    kind === 'open' && path === t.testdirName ? 'EACCES' : undefined,
  )
  const objects = await openDiskObjectStore(dir, files)
  t.teardown(() => objects.close())
  await objects.put('one', [Buffer.from('bytes')])
  t.same(await readdir(dir), ['one'])
})
