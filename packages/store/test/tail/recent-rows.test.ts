import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { RecentRows } from '../../src/tail/recent-rows.ts'
import { block } from './memory-block.ts'

const labels = createLabelSet({ app: 'x' })

test('RecentRows recognizes rows by stream, time, line and metadata', async t => {
  const rows = new RecentRows(100)
  t.equal(
    rows.skipKnown(
      'a',
      block(labels, [
        [1n, 'x'],
        [2n, 'y'],
      ]),
    ),
    undefined,
  )
  t.same(
    rows.skipKnown(
      'a',
      block(labels, [
        [1n, 'x'],
        [1n, 'z'],
        [2n, 'y'],
        [3n, 'y'],
      ]),
    ),
    [1, 0, 1, 0],
  )
  t.equal(rows.skipKnown('b', block(labels, [[1n, 'x']])), undefined, 'another stream')
  const withId = (id: string) => rows.skipKnown('a', block(labels, [[1n, 'x', { id }]]))
  t.equal(withId('1'), undefined)
  t.equal(withId('2'), undefined)
  t.same(withId('1'), [1])
})

test('RecentRows forgets old rows', async t => {
  const rows = new RecentRows(2)
  const add = (time: bigint) => rows.skipKnown('a', block(labels, [[time, 'x']]))
  for (const time of [1n, 2n, 3n, 4n, 5n]) t.equal(add(time), undefined)
  t.ok(add(4n), 'of the generation before')
  t.equal(add(1n), undefined, 'forgotten')
})
