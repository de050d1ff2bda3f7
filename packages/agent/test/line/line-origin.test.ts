import { test } from 'tap'
import { LineOrigin } from '../../src/line/line-origin.ts'

const createOrigin = () => new LineOrigin({ name: 'f', readTime: () => 0n })

test('LineOrigin settles up to the first line that is on its way', async t => {
  const origin = createOrigin()
  const [first, second] = [{ sequence: 1 }, { sequence: 2 }]
  origin.addToBatch(first, 10)
  origin.addToBatch(second, 20)
  origin.addToBatch(first, 30)
  t.equal(origin.settledOffset(40), 10)
  origin.settleBatch(first)
  t.equal(origin.settledOffset(40), 20)
  const held = { startOffset: 15 }
  origin.held.add(held)
  t.equal(origin.settledOffset(40), 15)
  origin.held.delete(held)
  origin.settleBatch(second)
  t.equal(origin.settledOffset(40), 40)
})

test('LineOrigin never settles between the parts of a joined line', async t => {
  const origin = createOrigin()
  const batch = { sequence: 1 }
  origin.addSpan(10, 30)
  origin.addSpan(5, 12)
  origin.addToBatch(batch, 20)
  t.equal(origin.settledOffset(40), 5)
  origin.settleBatch(batch)
  t.equal(origin.settledOffset(40), 40)
})
