import { test } from 'tap'
import { packLines } from '../../../src/segment/split/split-section.ts'
import { splitShapeOf } from '../../../src/segment/split/split-shape.ts'

test('the shape of split lines has templates, and columns by kind', async t => {
  const texts = Array.from(
    { length: 600 },
    (_, i) =>
      `took ${i}ms id=${(i * 2654435761).toString(16).padStart(12, '0').slice(0, 12)} user=u${i}x${i}y${i}z of 123e4567-e89b-12d3-a456-42661417${1000 + i}`,
  )
  const lines = Buffer.from(texts.map(text => `${text}\n`).join(''))
  const { codec, stored } = packLines(
    lines,
    Uint32Array.from(texts, text => text.length),
  )
  t.equal(codec, 2)
  const shape = splitShapeOf(stored)
  t.equal(shape.lines, 600)
  t.ok(shape.templates >= 1)
  const values = new Map<string, number>()
  for (const column of shape.columns)
    values.set(column.kind, (values.get(column.kind) ?? 0) + column.values)
  for (const kind of ['number', 'hexadecimal', 'text', 'UUID']) t.ok(values.get(kind)! > 0, kind)
  t.equal(values.get('UUID'), 600)
  const uuids = shape.columns.filter(({ kind }) => kind === 'UUID')
  t.equal(
    uuids.reduce((sum, { bytes }) => sum + bytes, 0),
    600 * 16,
  )
  const stored2 = shape.groups.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
  t.ok(stored2 < stored.length && stored2 > stored.length - 64, 'the head is small')
  t.throws(() => splitShapeOf(stored.subarray(0, 10)), RangeError)
})
