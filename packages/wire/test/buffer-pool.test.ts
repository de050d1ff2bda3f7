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
