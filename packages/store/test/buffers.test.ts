import { test } from 'tap'
import { releaseBuffer, ScratchArena } from '../src/buffers.ts'

test('an arena cuts buffers from one block until it is full', async t => {
  const arena = new ScratchArena(100)
  const [a, b, c] = [arena.allocate(60), arena.allocate(40), arena.allocate(1)]
  t.equal(a.buffer, b.buffer)
  t.equal(b.byteOffset - a.byteOffset, 60)
  t.not(c.buffer, a.buffer, 'a buffer that does not fit is allocated separately')
  t.equal(c.length, 1)
  const large = arena.allocate(10_000)
  arena.reset()
  t.equal(large.length, 0)
  t.equal(arena.allocate(100).byteOffset, a.byteOffset)
})

test('numbers are cut from the block at a multiple of their size', async t => {
  const arena = new ScratchArena(100)
  const text = arena.allocate(3)
  const numbers = arena.numbers(4)
  numbers.fill(7)
  t.equal(numbers.buffer, text.buffer)
  t.equal(numbers.byteOffset - text.byteOffset, 8)
  t.same([...numbers], [7, 7, 7, 7])
  t.equal(arena.numbers(10).length, 10, 'those that do not fit are allocated separately')
})

test('a task that needs more than the block gets a larger one, which is freed after it', async t => {
  const arena = new ScratchArena(100)
  const own = arena.allocate(1)
  arena.reset(100_000)
  const [a, b] = [arena.allocate(60_000), arena.allocate(40_000)]
  t.equal(a.buffer, b.buffer)
  arena.reset()
  t.equal(a.length, 0)
  t.equal(arena.allocate(1).buffer, own.buffer)
})

test('a closed arena frees its memory', async t => {
  const arena = new ScratchArena(100_000)
  arena.reset(200_000)
  const larger = arena.allocate(1)
  arena.reset()
  const own = arena.allocate(1)
  arena.close()
  t.same([larger.length, own.length], [0, 0])
})

test('a buffer is freed at once, unless others share its memory', async t => {
  const numbers = new Uint32Array(10_000)
  const [own, shared, small] = [20_000, 100, 1_000].map((bytes, i) =>
    i === 1 ? Buffer.allocUnsafe(bytes) : Buffer.allocUnsafeSlow(bytes),
  )
  for (const buffer of [numbers, own!, shared!, small!]) releaseBuffer(buffer)
  t.same([numbers.length, own!.length, shared!.length, small!.length], [0, 0, 100, 1_000])
})
