import { test } from 'tap'
import { allLabels } from '../../src/pipeline/stage.ts'
import { unpackStage } from '../../src/stages/unpack.ts'
import { labelsAfter, lineOf } from './line-of.ts'

test('unpack replaces the line only where there is an entry', async t => {
  const run = unpackStage.compile({ kind: 'unpack' }, allLabels)
  const packed = lineOf('{"a":"b","n":1,"_entry":"the \\"line\\""}')
  t.same(labelsAfter(run, packed), { a: 'b' })
  t.equal(packed.text, 'the "line"')
  const plain = lineOf('{"a":"b"}')
  t.same(labelsAfter(run, plain), {})
  t.equal(plain.text, '{"a":"b"}')
})
