import { test } from 'tap'
import { ScratchArena } from '../src/buffers.ts'

test('an arena cuts buffers from one block until it is full', async t => {
  const arena = new ScratchArena(100)
  const [a, b, c] = [arena.allocate(60), arena.allocate(40), arena.allocate(1)]
  t.equal(a.buffer, b.buffer)
  t.equal(b.byteOffset - a.byteOffset, 60)
  t.not(c.buffer, a.buffer, 'a buffer that does not fit is allocated separately')
  t.equal(c.length, 1)
  arena.reset()
  t.equal(arena.allocate(100).byteOffset, a.byteOffset)
})
