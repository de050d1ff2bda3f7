import { closeSync, openSync, writeFileSync } from 'node:fs'
import { type Test, test } from 'tap'
import { SeenContent } from '../../src/tail/seen-content.ts'

/** Returns a file with a content, and functions that look at it and change it. */
function openFile(t: Test, content: string) {
  const path = `${t.testdir({ log: content })}/log`
  const fd = openSync(path, 'r')
  t.teardown(() => closeSync(fd))
  const seen = new SeenContent()
  seen.read(fd, content.length)
  const overwrite = (text: string) => writeFileSync(path, text)
  return { fd, seen, overwrite }
}

test('SeenContent notices other first bytes and other bytes before the position', async t => {
  const content = 'first line\nsecond line\n'
  const { fd, seen, overwrite } = openFile(t, content)
  t.equal(seen.head.toString(), content)
  t.notOk(seen.hasOtherHead(fd))
  t.notOk(seen.hasOtherBehind(fd, content.length))
  overwrite('first line\nsecond lime\n')
  t.ok(seen.hasOtherHead(fd))
  t.ok(seen.hasOtherBehind(fd, content.length))
  overwrite('first')
  t.ok(seen.hasOtherHead(fd), 'a shorter file')
})

test('SeenContent adds what is read to the first bytes, and keeps only the last ones before the position', async t => {
  const seen = new SeenContent()
  const text = Buffer.from(Array.from({ length: 3000 }, (_, i) => 97 + (i % 26)))
  let position = 0
  for (const length of [0, 10, 1000, 5, 1500, 485]) {
    const bytes = text.subarray(position)
    seen.addToHead(bytes, position, length)
    seen.moveBehind(bytes, length)
    position += length
    t.ok(seen.head.equals(text.subarray(0, Math.min(position, 1024))), `head at ${position}`)
    t.equal(seen.behindLength, Math.min(position, 1024))
    const behind = text.subarray(position - seen.behindLength, position)
    t.notOk(seen.isOtherBehind(behind, position), `behind at ${position}`)
  }
  t.notOk(seen.addToHead(text, 0, 3000), 'the first bytes are complete')
  const other = new SeenContent()
  t.notOk(other.addToHead(text, 20, 3000), 'not with a gap')
})

test('SeenContent gives its memory back at once', async t => {
  const { seen } = openFile(t, 'a line\n')
  const { buffer } = seen.head
  t.ok(buffer.byteLength > 0)
  seen.free()
  t.equal(buffer.byteLength, 0)
  t.equal(seen.head.length, 0)
})
