import { test } from 'tap'
import { outlinedFooterBytesLeast } from '../../src/limits.ts'
import { readOutline } from '../../src/segment/footer-outline.ts'
import { findFooter, readFooter } from '../../src/segment/reader.ts'
import { SegmentIndex } from '../../src/segment-index.ts'
import { acceptedStream, createTestLogger, midnightNs, openStorage } from '../harness.ts'
import { segmentNames } from '../segment-rows.ts'

/** Long, so that some thousand streams make a large footer. */
const labels = (i: number) => ({ app: `app-${i % 7}`, pod: `${'p'.repeat(100)}-${i}` })

test('an outline finds the blocks of single streams as the whole footer has them', async t => {
  const storage = await openStorage(t)
  const streams = (tenant: string, count: number) =>
    storage.push(
      tenant,
      ...Array.from({ length: count }, (_, i) => acceptedStream(labels(i), [[midnightNs, `${i}`]])),
    )
  await Promise.all([streams('a', 300), streams('b', 50)])
  for (const { name, sizeBytes } of await storage.catalog.listSegments()) {
    let readBytes = 0
    const read = (offset: number, length: number) => {
      readBytes += length
      return storage.objects.read(name, offset, length)
    }
    const whole = await readFooter(name, sizeBytes, read)
    const outline = await readOutline(name, await findFooter(name, sizeBytes, read), read)
    for (const part of whole.parts) {
      for (const at of [0, 17, part.streams.length - 1]) {
        readBytes = 0
        const text = part.streams[at]!
        const found = await outline.read(part.tenant, [text, '{app="nobody"}'], read)
        const [one] = found.filter(({ streams: [first] }) => first === text)
        t.same(one!.streams, [text])
        t.same(
          one!.blocks.map(block => ({ ...block, stream: at })),
          part.blocks.filter(({ stream }) => stream === at),
        )
        t.same(one!.blockIndexes, [part.blocks.findIndex(({ stream }) => stream === at)])
        t.equal(one!.blockCount, part.blocks.length)
        t.ok(readBytes < 1000, `${readBytes} bytes were read`)
      }
    }
  }
})

test('a damaged footer is found when its outline is made', async t => {
  const storage = await openStorage(t)
  await storage.push('a', acceptedStream({ app: 'x' }, [[midnightNs, 'line']]))
  const [segment] = await storage.catalog.listSegments()
  const { name, sizeBytes } = segment!
  const read = async (offset: number, length: number) => {
    const bytes = Buffer.from(await storage.objects.read(name, offset, length))
    if (length > 20) bytes[10]! ^= 1
    return bytes
  }
  const place = await findFooter(name, sizeBytes, read)
  await t.rejects(readOutline(name, place, read), { code: 'CORRUPTION' })
})

test('the index reads only the wanted streams of a large footer', async t => {
  const storage = await openStorage(t)
  const count = Math.ceil(outlinedFooterBytesLeast / 150)
  const all = Array.from({ length: count }, (_, i) =>
    acceptedStream(labels(i), [[midnightNs, `${i}`]]),
  )
  await storage.push('a', ...all)
  const [name] = await segmentNames(storage.segmentsDir)
  const [info] = await storage.catalog.listSegments()
  const { logger } = createTestLogger()
  // Without the footer that the commit left in memory.
  const fresh = new SegmentIndex(storage.objects, storage.catalog, logger)
  let readBytes = 0
  const ask = async (texts: readonly string[]) => {
    readBytes = 0
    const onRead = (bytes: number) => {
      readBytes += bytes
    }
    return fresh.partsWith(info!, { tenant: 'a', labelsTexts: texts }, onRead)
  }
  const text = all[count - 1]!.labelsText
  const [part] = await ask([text])
  t.same(part!.streams, [text])
  t.ok(readBytes > outlinedFooterBytesLeast, 'the first query reads the footer')
  await ask([text])
  t.ok(readBytes < 1000, `later ones read ${readBytes} bytes`)
  const [whole] = await ask(all.slice(0, 65).map(({ labelsText }) => labelsText))
  t.equal(whole!.streams.length, count, `${name} is read as a whole for many streams`)
})
