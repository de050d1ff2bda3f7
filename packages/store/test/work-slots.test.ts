import { test } from 'tap'
import { WorkSlots } from '../src/work-slots.ts'

test('requests run within the bounds, in the order of their arrival', async t => {
  const slots = new WorkSlots({ countMax: 3, bytesMax: 100 })
  const started: number[] = []
  const ends = new Map<number, () => void>()
  const run = (id: number, bytes: number) =>
    slots.run(bytes, () => {
      started.push(id)
      return new Promise<void>(resolve => ends.set(id, resolve))
    })
  const all = [run(1, 1000), run(2, 10), run(3, 50), run(4, 60), run(5, 1)]
  const settle = () => new Promise(resolve => setImmediate(resolve))
  await settle()
  t.same(started, [1], 'a single one has room, however large')
  ends.get(1)!()
  await settle()
  t.same(
    started,
    [1, 2, 3],
    'the fourth would be too many bytes, and the fifth does not overtake it',
  )
  ends.get(3)!()
  await settle()
  t.same(started, [1, 2, 3, 4, 5])
  for (const end of ends.values()) end()
  await Promise.all(all)
  await t.rejects(
    slots.run(1, async () => {
      throw new Error('failed')
    }),
  )
  await slots.run(1000, async () => undefined)
})
