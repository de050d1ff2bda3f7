import { test } from 'tap'
import { damagedBlocksMax, damageWarningsMax } from '../../src/limits.ts'
import { LeftOut } from '../../src/scan/left-out.ts'
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
  const leftOut = new LeftOut()
  t.equal(leftOut.isEmpty, true)
  t.equal(leftOut.addError(damageAt('one', 15)), 'one')
  t.equal(leftOut.hasBlock('one', blockAt(10)), true)
  t.equal(leftOut.hasBlock('one', blockAt(20)), false)
  t.equal(leftOut.hasBlock('other', blockAt(10)), false)
  t.equal(leftOut.hasSegment('one'), false)
  t.same(leftOut.warnings(), ['lines are missing: Cannot read segment one'])
})

test('a segment with many damaged blocks is left out as a whole', async t => {
  const leftOut = new LeftOut()
  for (let i = 0; i <= damagedBlocksMax; i++)
    t.equal(leftOut.addError(damageAt('one', i * 10)), 'one')
  t.equal(leftOut.hasSegment('one'), true)
  t.equal(leftOut.addError(damageAt('one', 5)), undefined, 'so that a scan ends')
})

test('the same place again leaves out the segment, so that a scan ends', async t => {
  const leftOut = new LeftOut()
  leftOut.addError(damageAt('one', 10))
  leftOut.addError(damageAt('one', 10))
  t.equal(leftOut.hasSegment('one'), true)
})

test('other errors are not about a segment', async t => {
  const leftOut = new LeftOut()
  t.equal(leftOut.addError(new Error('no')), undefined)
  t.equal(
    leftOut.addError(Object.assign(new Error('no'), { code: 'EMFILE', segment: 'one' })),
    undefined,
  )
  const missing = (path: string) => Object.assign(new Error('gone'), { code: 'ENOENT', path })
  t.equal(leftOut.addMissing(missing('/data/other')), undefined)
  t.equal(leftOut.addMissing(missing(`/data/${segmentName(1, 0)}`)), segmentName(1, 0))
})

test('the warnings stay readable', async t => {
  const leftOut = new LeftOut()
  for (let i = 0; i < damageWarningsMax + 3; i++) leftOut.addSegment(`${i}`, `${i} is damaged`)
  t.equal(leftOut.warnings().length, damageWarningsMax + 1)
  t.equal(leftOut.warnings().at(-1), 'lines of 3 more segments are missing')
})
