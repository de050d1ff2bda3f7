import { test } from 'tap'
import { parseSegmentName, segmentName } from '../../src/segment/name.ts'

test('names sort by sequence and can be parsed again', async t => {
  const names = [1, 9, 10, 99_999, Number.MAX_SAFE_INTEGER].map(n => segmentName(n, 2))
  t.equal(names[0], '0000000000000001-2.seg')
  t.same(names.toSorted(), names)
  for (const name of names) t.equal(segmentName(parseSegmentName(name)!.sequence, 2), name)
  t.same(parseSegmentName('0000000000000012-10.seg'), { sequence: 12, level: 10 })
})

test('other names are not segments', async t => {
  for (const name of [
    '',
    '1-0.seg',
    '0000000000000001.seg',
    '0000000000000001-0.seg.tmp',
    'catalog.sqlite',
  ]) {
    t.equal(parseSegmentName(name), undefined, name)
  }
})
