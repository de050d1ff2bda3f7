import { test } from 'tap'
import { gapBlocksMax, gapWarningsMax } from '../../src/limits.ts'
import { ScanGaps } from '../../src/scan/scan-gaps.ts'
import { type BlockRecord, codecs } from '../../src/segment/format.ts'
import { segmentName } from '../../src/segment/name.ts'

const blockAt = (offsetBytes: number) =>
  ({
    offsetBytes,
    sections: [{ codec: codecs.raw, storedBytes: 10, rawBytes: 10, crc: 0 }],
  }) as unknown as BlockRecord

const damageAt = (segment: string, offsetBytes: number) =>
  Object.assign(new Error(`Cannot read segment ${segment}`), {
    code: 'CORRUPTION',
    segment,
    offsetBytes,
  })

test('only the block that an error is about is left out', async t => {
  const gaps = new ScanGaps()
  t.equal(gaps.isEmpty, true)
  t.equal(gaps.addError(damageAt('one', 15)), 'one')
  t.equal(gaps.hasBlock('one', blockAt(10)), true)
  t.equal(gaps.hasBlock('one', blockAt(20)), false)
  t.equal(gaps.hasBlock('other', blockAt(10)), false)
  t.equal(gaps.hasSegment('one'), false)
  t.same(gaps.warnings(), ['lines are missing: Cannot read segment one'])
})

test('a segment with many damaged blocks is left out as a whole', async t => {
  const gaps = new ScanGaps()
  for (let i = 0; i <= gapBlocksMax; i++) t.equal(gaps.addError(damageAt('one', i * 10)), 'one')
  t.equal(gaps.hasSegment('one'), true)
  t.equal(gaps.addError(damageAt('one', 5)), undefined, 'so that a scan ends')
})

test('the same place again leaves out the segment, so that a scan ends', async t => {
  const gaps = new ScanGaps()
  gaps.addError(damageAt('one', 10))
  gaps.addError(damageAt('one', 10))
  t.equal(gaps.hasSegment('one'), true)
})

test('other errors are not about a segment', async t => {
  const gaps = new ScanGaps()
  t.equal(gaps.addError(new Error('no')), undefined)
  t.equal(
    gaps.addError(Object.assign(new Error('no'), { code: 'EMFILE', segment: 'one' })),
    undefined,
  )
  const missing = (path: string) => Object.assign(new Error('gone'), { code: 'ENOENT', path })
  t.equal(gaps.addMissing(missing('/data/other')), undefined)
  t.equal(gaps.addMissing(missing(`/data/${segmentName(1, 0)}`)), segmentName(1, 0))
})

test('the warnings stay readable', async t => {
  const gaps = new ScanGaps()
  for (let i = 0; i < gapWarningsMax + 3; i++) gaps.addSegment(`${i}`, `${i} is damaged`)
  t.equal(gaps.warnings().length, gapWarningsMax + 1)
  t.equal(gaps.warnings().at(-1), 'lines of 3 more segments are missing')
})
