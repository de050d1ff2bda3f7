import { setImmediate } from 'node:timers/promises'
import { test } from 'tap'
import { UnpackedRoom } from '../../src/ingest/unpacked-room.ts'

/** Opens a room of 100 bytes. `ask` notes the name of a push when it gets its room. */
function open() {
  const room = new UnpackedRoom(100)
  const inside: string[] = []
  const ask = async (name: string, bytes: number) => {
    const leave = await room.enter(bytes)
    inside.push(name)
    return leave
  }
  return { inside, ask }
}

test('bodies are decompressed at once as long as there is room', async t => {
  const { inside, ask } = open()
  const leave = await ask('a', 60)
  await ask('b', 40)
  const third = ask('c', 1)
  await setImmediate()
  t.same(inside, ['a', 'b'])
  leave()
  await third
  t.same(inside, ['a', 'b', 'c'])
})

test('a body larger than the room is decompressed alone', async t => {
  const { inside, ask } = open()
  const leaveSmall = await ask('small', 1)
  const large = ask('large', 500)
  await setImmediate()
  t.same(inside, ['small'])
  leaveSmall()
  const leaveLarge = await large
  const next = ask('next', 1)
  await setImmediate()
  t.same(inside, ['small', 'large'])
  leaveLarge()
  await next
  t.same(inside, ['small', 'large', 'next'])
})

test('a small body does not overtake a large one that waits', async t => {
  const { inside, ask } = open()
  const leave = await ask('a', 60)
  const large = ask('large', 90)
  const small = ask('small', 10)
  await setImmediate()
  t.same(inside, ['a'])
  leave()
  await Promise.all([large, small])
  t.same(inside, ['a', 'large', 'small'])
})

test('room that is given back twice counts once', async t => {
  const { inside, ask } = open()
  const leave = await ask('a', 60)
  await ask('b', 40)
  leave()
  leave()
  const c = ask('c', 60)
  const d = ask('d', 60)
  await c
  await setImmediate()
  t.same(inside, ['a', 'b', 'c'])
  t.ok(d)
})
