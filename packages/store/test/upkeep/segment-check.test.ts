// Damages each part of segments, and expects the check to name the place.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { pageBytes } from '../../src/segment/filter/filter-group.ts'
import { codecs, type SegmentFooter, sectionNames, trailerBytes } from '../../src/segment/format.ts'
import { segmentName } from '../../src/segment/name.ts'
import { checkSegment } from '../../src/upkeep/segment-check.ts'
import type { SegmentFault } from '../../src/upkeep/segment-fault.ts'
import { SegmentFile } from '../../src/upkeep/segment-file.ts'
import { acceptedStream, midnightNs, openStorage } from '../harness.ts'
import { encodeFooter, readSegment } from '../segment-rows.ts'
import { flipByte } from './damage.ts'
import { makeSmallStore } from './small-store.ts'

/** Checks a file deeply. */
async function faultsOf(path: string, { isDeep = true } = {}): Promise<SegmentFault[]> {
  const file = new SegmentFile(path)
  const faults: SegmentFault[] = []
  try {
    await checkSegment(file, { isDeep, onFault: fault => faults.push(fault) })
  } finally {
    file.close()
  }
  return faults
}

/** Returns a way to damage a copy of a segment and to check it. */
function damaging(t: Test, bytes: Buffer, name: string) {
  const path = join(t.testdirName, name)
  return async (at: number) => {
    writeFileSync(path, bytes)
    flipByte(path, at)
    return faultsOf(path, { isDeep: false })
  }
}

test('a sound segment of each kind has no faults, and all of its bytes are checked', async t => {
  const { segmentsDir, compacted, fresh } = await makeSmallStore(t, {
    dir: join(t.testdir(), 'store'),
  })
  for (const name of [compacted, ...fresh]) {
    t.same(await faultsOf(join(segmentsDir, name)), [], name)
    const file = new SegmentFile(join(segmentsDir, name))
    let checkedBytes = 0
    const onBytes = (bytes: number) => {
      checkedBytes += bytes
    }
    const footer = await checkSegment(file, { onFault: () => t.fail(), onBytes })
    const end = encodeFooter(footer!).length
    t.equal(checkedBytes, file.sizeBytes - 8 - end)
    file.close()
  }
})

test('segments of older versions have no faults', async t => {
  const dir = t.testdir()
  const fixtures = new URL('../fixtures/', import.meta.url)
  for (const fixture of ['segment-v1.hex', 'segment-v1-compacted.hex']) {
    const bytes = Buffer.from(
      readFileSync(new URL(fixture, fixtures), 'utf8').replaceAll(/\s/g, ''),
      'hex',
    )
    const path = join(dir, `${fixture}.seg`)
    writeFileSync(path, bytes)
    t.same(await faultsOf(path), [], fixture)
  }
})

test('damage in each column of each block is found where it is, whatever its codec', async t => {
  const { segmentsDir, compacted, fresh } = await makeSmallStore(t, {
    dir: join(t.testdir(), 'store'),
  })
  const seen = new Set<string>()
  for (const name of [compacted, fresh[0]!]) {
    const { bytes, footer } = await readSegment(segmentsDir, name)
    const damage = damaging(t, bytes, name)
    for (const { blocks, streams } of footer.parts) {
      for (const [index, record] of blocks.entries()) {
        let at = record.offsetBytes
        for (const [i, { storedBytes, codec }] of record.sections.entries()) {
          if (storedBytes === 0) continue
          const section = sectionNames[i]!
          seen.add(`${section} ${codec}`)
          for (const place of new Set([0, storedBytes >> 1, storedBytes - 1])) {
            const [fault, ...more] = await damage(at + place)
            t.same(more, [])
            t.match(fault, { thing: 'block', offsetBytes: at, lines: record.rowCount })
            t.ok(
              fault!.where.startsWith(`block ${index} of ${streams[record.stream]} `),
              fault!.where,
            )
            t.ok(fault!.where.endsWith(`, ${section}`), fault!.where)
            t.match(fault!.what, /^checksum of \w+ is [\da-f]+, expected [\da-f]+$/)
          }
          at += storedBytes
        }
      }
    }
  }
  for (const codec of Object.values(codecs))
    t.ok(seen.has(`lines ${codec}`), `lines with codec ${codec}`)
  for (const section of sectionNames)
    t.ok(
      [...seen].some(one => one.startsWith(section)),
      section,
    )
})

test('damage in each page of the filters and in the counts is found where it is', async t => {
  const { segmentsDir, compacted } = await makeSmallStore(t, { dir: join(t.testdir(), 'store') })
  const { bytes, footer } = await readSegment(segmentsDir, compacted)
  const damage = damaging(t, bytes, compacted)
  const [part] = footer.parts
  t.ok(part!.filters.length > 0)
  for (const { offsetBytes, storedBytes } of part!.filters) {
    for (let at = 0, page = 0; at < storedBytes; at += pageBytes, page++) {
      const faults = await damage(offsetBytes + at + 1)
      t.equal(faults.length, 1)
      t.match(faults[0], { thing: 'filters', offsetBytes: offsetBytes + at })
      t.match(faults[0]!.where, new RegExp(`^filters of blocks 0 to \\d+ .*, page ${page}$`))
    }
  }
  t.ok(part!.counts.length > 0)
  for (const { offsetBytes } of part!.counts) {
    const faults = await damage(offsetBytes + 3)
    t.equal(faults.length, 1)
    t.match(faults[0], { thing: 'counts', offsetBytes })
  }
})

test('damage in header, footer and trailer is found where it is', async t => {
  const { segmentsDir, compacted, fresh } = await makeSmallStore(t, {
    dir: join(t.testdir(), 'store'),
  })
  for (const name of [compacted, fresh[1]!]) {
    const { bytes, footer } = await readSegment(segmentsDir, name)
    const damage = damaging(t, bytes, name)
    const footerAt = bytes.length - encodeFooter(footer).length
    const trailerAt = bytes.length - trailerBytes
    for (const at of [0, 5, 7]) t.match(await damage(at), [{ thing: 'header', offsetBytes: 0 }])
    for (const at of [footerAt, (footerAt + trailerAt) >> 1, trailerAt - 1])
      t.match(await damage(at), [{ thing: 'footer', offsetBytes: footerAt }])
    for (const at of [bytes.length - 1, bytes.length - 8])
      t.match(await damage(at), [{ thing: 'trailer', offsetBytes: trailerAt }])
  }
})

test('no flipped bit and no cut of a whole segment stays unnoticed', async t => {
  const storage = await openStorage(t, { dir: join(t.testdir(), 'store') })
  await storage.push(
    'a',
    acceptedStream({ app: 'x' }, [
      [midnightNs, 'one', { trace_id: 'abc' }],
      [midnightNs + 5n, 'two\nlines'],
    ]),
  )
  const name = segmentName(1, 0)
  const { bytes } = await readSegment(storage.segmentsDir, name)
  const damage = damaging(t, bytes, name)
  for (let at = 0; at < bytes.length; at++) {
    const faults = await damage(at)
    if (faults.length !== 1) t.equal(faults.length, 1, `a flip at byte ${at}`)
  }
  const path = join(t.testdirName, name)
  for (let length = 0; length < bytes.length; length++) {
    writeFileSync(path, bytes.subarray(0, length))
    const faults = await faultsOf(path)
    if (faults.length !== 1) t.equal(faults.length, 1, `a cut at byte ${length}`)
  }
  t.pass(`${bytes.length} bytes`)
})

/** Returns the faults of a segment with another footer whose checksum is right. */
async function withFooter(
  t: Test,
  { bytes, footer }: { readonly bytes: Buffer; readonly footer: SegmentFooter },
  change: (footer: SegmentFooter) => SegmentFooter,
  name = segmentName(4, 0),
): Promise<SegmentFault[]> {
  const body = bytes.subarray(0, bytes.length - encodeFooter(footer).length)
  const path = join(t.testdirName, name)
  writeFileSync(path, Buffer.concat([body, encodeFooter(change(footer))]))
  return faultsOf(path)
}

test('a footer that does not fit the file is found, although its checksum is right', async t => {
  const { segmentsDir, fresh, compacted } = await makeSmallStore(t, {
    dir: join(t.testdir(), 'store'),
  })
  const read = await readSegment(segmentsDir, fresh[0]!)
  const changed = (change: Parameters<typeof withFooter>[2], name?: string) =>
    withFooter(t, read, change, name)
  const inPart = (values: object) => (footer: SegmentFooter) => ({
    ...footer,
    parts: footer.parts.map(part => ({ ...part, ...values })),
  })
  const inBlock =
    (values: (block: SegmentFooter['parts'][0]['blocks'][0]) => object) =>
    (footer: SegmentFooter) => ({
      ...footer,
      parts: footer.parts.map(part => ({
        ...part,
        blocks: part.blocks.map(block => ({ ...block, ...values(block) })),
      })),
    })
  const whats = (faults: readonly SegmentFault[]) => faults.map(({ what }) => what).join('\n')

  t.same(await changed(footer => footer), [], 'unchanged')
  t.match(whats(await changed(footer => ({ ...footer, level: 1 }))), 'level 1, but the name says 0')
  t.match(whats(await changed(footer => footer, segmentName(7, 0))), 'sequence 4 does not fit')
  t.match(whats(await changed(inPart({ day: 20_001 }))), /block 0: .* is not within the day/)
  t.match(whats(await changed(inPart({ streams: ['{b="c",a="d"}'] }))), 'are not canonical')
  t.match(whats(await changed(inPart({ streams: ['{'] }))), 'the labels { cannot be read')
  t.match(
    whats(await changed(inPart({ streams: ['{a="b"}', '{a="b"}'] }))),
    'the stream {a="b"} is not sorted',
  )
  t.match(
    whats(await changed(inBlock(({ sequence }) => ({ sequence: sequence + 1 })))),
    'sequence 5 is above that of the segment, 4',
  )
  t.match(
    whats(await changed(inBlock(({ maxNs }) => ({ maxNs: maxNs + 1n })))),
    /the last time is .*, and in the footer/,
  )
  t.match(whats(await changed(inBlock(({ minNs }) => ({ minNs: minNs + 1n })))), /the last time is/)
  t.match(
    whats(await changed(inBlock(({ lineBytes }) => ({ lineBytes: lineBytes + 1 })))),
    /lines of \d+ bytes, and in the footer of/,
  )
  t.match(
    whats(await changed(inBlock(({ rowCount }) => ({ rowCount: rowCount + 1 })))),
    'timestamps end early',
  )
  t.match(
    whats(await changed(inBlock(({ offsetBytes }) => ({ offsetBytes: offsetBytes - 1 })))),
    'two pieces share the bytes',
  )
  t.match(whats(await changed(inPart({ blocks: [] }))), /no blocks\b|nothing refers to/)
  const twice = (footer: SegmentFooter) => ({
    ...footer,
    parts: [...footer.parts, ...footer.parts],
  })
  t.match(whats(await changed(twice)), 'not sorted')

  const large = await readSegment(segmentsDir, compacted)
  const counts = await withFooter(
    t,
    large,
    inBlock(({ rowCount, lineBytes }) => ({ rowCount: rowCount - 1, lineBytes: lineBytes - 1 })),
    compacted,
  )
  t.ok(counts.some(({ thing, what }) => thing === 'counts' && /rows are counted/.test(what)))
})
