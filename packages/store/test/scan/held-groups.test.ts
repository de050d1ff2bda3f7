import { test } from 'tap'
import type { SegmentRange } from '../../src/bucket/cached-segments.ts'
import { HeldGroups } from '../../src/scan/held-groups.ts'
import type { BlockGroup } from '../../src/scan/messages.ts'
import { TaskQueue } from '../../src/scan/task-queue.ts'

/** A group of one block, which takes `bytes` bytes as stored. */
function groupOf(segment: string, offsetBytes: number, bytes: number): BlockGroup {
  const lines = { offset: 0, codec: 0, rawBytes: bytes * 10, storedBytes: bytes, crc: 0 }
  const record = { offsetBytes, lineBytes: bytes * 10, sections: [lines] }
  return [{ segment, record }] as unknown as BlockGroup
}

const groups = Array.from({ length: 10 }, (_, i) => groupOf('s', i * 100, 100))

/** A bucket that says what is held. */
function openHolder() {
  const held: string[] = []
  const asked: string[] = []
  const hold = async (wanted: readonly SegmentRange[]) => {
    const names = wanted.map(({ offsetBytes }) => String(offsetBytes))
    asked.push(names.join(' '))
    held.push(...names)
    return () => {
      for (const name of names) held.splice(held.indexOf(name), 1)
    }
  }
  return { hold, held, asked }
}

test('what is ahead of the tasks is told once, up to a number of bytes', t => {
  const queue = new TaskQueue(groups)
  const [first] = queue.next()!
  t.equal(first, groups[0])
  t.same(queue.ahead(500), groups.slice(1, 6))
  t.same(queue.ahead(500), [], 'enough is fetched')
  t.equal(queue.next()!.length, 2)
  t.same(queue.ahead(500), [], 'more than half of it is left')
  t.equal(queue.next()!.length, 4, 'beyond what was fetched')
  t.same(queue.ahead(500), groups.slice(7))
  queue.next()
  t.same(queue.ahead(500), [])
  t.equal(queue.next(), undefined)
  t.end()
})

test('blocks that were fetched stay until the last task that has them', async t => {
  const { hold, held, asked } = openHolder()
  const blocks = new HeldGroups(hold)
  blocks.fetch(groups.slice(1, 4))
  const release = await blocks.take(groups.slice(0, 2))
  t.same(held.toSorted(), ['0', '100', '100', '200', '300'])
  release()
  t.same(held.toSorted(), ['100', '200', '300'])
  ;(await blocks.take(groups.slice(2, 4)))()
  t.same(held, [])
  t.same(asked, ['100 200 300', '0 100', '200 300'])
})

test('the end lets go of all that is held, and of what comes later', async t => {
  const { hold, held } = openHolder()
  const blocks = new HeldGroups(hold)
  blocks.fetch(groups.slice(1, 4))
  const release = await blocks.take(groups.slice(0, 1))
  const late = blocks.take(groups.slice(4, 5))
  blocks.end()
  await late
  release()
  blocks.fetch(groups.slice(5))
  t.same(held, [])
})

test('a fetch that fails is left to the task that needs it', async t => {
  let fails = true
  const { hold, held } = openHolder()
  const blocks = new HeldGroups(wanted => {
    if (fails) return Promise.reject(new Error('no bucket'))
    return hold(wanted)
  })
  blocks.fetch(groups)
  await t.rejects(blocks.take(groups.slice(0, 1)), { message: 'no bucket' })
  fails = false
  ;(await blocks.take(groups.slice(0, 1)))()
  t.same(held, [])
})
