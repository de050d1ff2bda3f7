import { test } from 'tap'
import { LineLabels } from '../../src/pipeline/labels.ts'

const none = new Map<string, string>()

/** Labels with this many parsed ones, `key_0` to the last. */
function labelsWith(count: number): LineLabels {
  const labels = new LineLabels()
  labels.reset(new Map([['app', 'x']]), none)
  for (let i = 0; i < count; i++) labels.set(`key_${i}`, `v${i}`)
  return labels
}

for (const count of [3, 100, 100_000]) {
  test(`a line with ${count} parsed labels finds, replaces and deletes them`, async t => {
    const labels = labelsWith(count)
    t.equal(labels.get('key_2'), 'v2')
    t.equal(labels.get(`key_${count - 1}`), `v${count - 1}`)
    t.equal(labels.get('other'), undefined)
    labels.set('key_1', 'new')
    labels.delete('key_0')
    t.equal(labels.get('key_0'), undefined)
    t.ok(labels.wasSet('key_0'))
    t.equal(labels.get('key_1'), 'new')
    t.equal(labels.get(`key_${count - 1}`), `v${count - 1}`, 'those after a deleted one are found')
    labels.set('key_0', 'back')
    t.equal(labels.get('key_0'), 'back')
    t.equal(labels.toLabelSet().length, count + 1)
    labels.set('app', 'hidden')
    t.same(labels.categorize().stream, [], 'a parsed label hides that of the stream')
  })
}

test('the next line has none of the labels', async t => {
  const labels = labelsWith(200)
  labels.reset(new Map([['app', 'y']]), none)
  t.equal(labels.get('key_7'), undefined)
  t.equal(labels.get('app'), 'y')
  for (let i = 100; i < 300; i++) labels.set(`key_${i}`, 'next')
  t.equal(labels.get('key_7'), undefined)
  t.equal(labels.get('key_150'), 'next')
})
