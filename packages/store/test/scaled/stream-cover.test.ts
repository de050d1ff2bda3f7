import { test } from 'tap'
import type { CatalogPart } from '../../src/catalog/catalog.ts'
import { StreamCover } from '../../src/scaled/stream-cover.ts'

const minuteNs = 60_000_000_000n

function part(minNs: bigint, maxNs: bigint, day = 0): CatalogPart {
  const streams = [{ labelsText: '{a="b"}', labels: [], minNs, maxNs }]
  return { tenant: 't', day, minNs, maxNs, rowCount: 1, lineBytes: 1, streams }
}

test('a stream is named once a minute, and again on another day', async t => {
  const cover = new StreamCover()
  const first = cover.reduce(part(61_000_000_000n, 62_000_000_000n))
  t.same(
    first.streams.map(({ minNs, maxNs }) => [minNs, maxNs]),
    [[minuteNs, 2n * minuteNs - 1n]],
    'rounded outward',
  )
  t.equal(cover.reduce(part(61_000_000_000n, 62_000_000_000n)).streams.length, 1, 'not entered yet')
  cover.add([first])
  t.equal(cover.reduce(part(60_000_000_000n, 119_000_000_000n)).streams.length, 0)
  t.equal(cover.reduce(part(119_000_000_000n, 121_000_000_000n)).streams.length, 1)
  t.equal(cover.reduce(part(61_000_000_000n, 62_000_000_000n, 1)).streams.length, 1)
})

test('streams that were removed are named again', async t => {
  const cover = new StreamCover()
  cover.add([part(0n, minuteNs)])
  const { generation } = cover
  cover.clear()
  t.not(cover.generation, generation)
  t.equal(cover.reduce(part(0n, minuteNs)).streams.length, 1)
})
