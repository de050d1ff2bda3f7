import { test } from 'tap'
import { BufferPool } from '../src/index.ts'

const kib = 1024

test('a returned buffer is reused', async t => {
  const pool = new BufferPool(1024 * kib)
  const first = pool.take(100 * kib)
  t.equal(first.length, 112 * kib, 'rounded up to an eighth of the next power of two')
  pool.give(first)
  t.ok(pool.take(105 * kib) === first)
  t.ok(pool.take(105 * kib) !== first, 'once')
})

test('buffers of other sizes are not mixed up', async t => {
  const pool = new BufferPool(1024 * kib)
  t.equal(pool.take(0).length, 1 * kib, 'the smallest')
  const small = pool.take(64 * kib)
  pool.give(small)
  t.equal(pool.take(65 * kib).length, 80 * kib)
  t.ok(pool.take(64 * kib) === small)
})

test('no more is kept than allowed', async t => {
  const pool = new BufferPool(128 * kib)
  const buffers = [1, 2, 3].map(() => pool.take(64 * kib))
  for (const buffer of buffers) pool.give(buffer)
  const again = [1, 2, 3].map(() => pool.take(64 * kib))
  t.equal(again.filter(buffer => buffers.includes(buffer)).length, 2)
  const large = pool.take(512 * kib)
  pool.give(large)
  t.not(pool.take(512 * kib), large)
})

test('sizes that are no longer used make room for others', async t => {
  const pool = new BufferPool(128 * kib)
  const old = [pool.take(64 * kib), pool.take(64 * kib)]
  for (const buffer of old) pool.give(buffer)
  const fresh = pool.take(32 * kib)
  pool.give(fresh)
  t.ok(pool.take(32 * kib) === fresh)
  t.ok(old.includes(pool.take(64 * kib)), 'only as many as necessary are gone')
  t.notOk(old.includes(pool.take(64 * kib)))
})

test('what is not kept is freed at once if nobody uses it any more', async t => {
  const isFreed = (buffer: Buffer) => buffer.length === 0
  const pool = new BufferPool(64 * kib, { freesAtOnce: true })
  const buffers = [64, 64, 128].map(size => pool.take(size * kib))
  for (const buffer of buffers) pool.give(buffer)
  t.same(buffers.map(isFreed).toSorted(), [false, true, true])
  t.equal(pool.take(64 * kib).length, 64 * kib, 'the one that was kept')
  const careful = new BufferPool(0)
  const buffer = careful.take(64 * kib)
  careful.give(buffer)
  t.notOk(isFreed(buffer))
})
