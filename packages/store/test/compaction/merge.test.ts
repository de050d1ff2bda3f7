import { test } from 'tap'
import { blockLineBytesMax } from '../../src/limits.ts'
import { codecs } from '../../src/segment/format.ts'
import { segmentName } from '../../src/segment/name.ts'
import { acceptedStream, day, dayNs, midnightNs, openStorage, type Row } from '../harness.ts'
import { mergeFiles } from '../merge-files.ts'
import { identities, readAllRows, readSegment, segmentNames } from '../segment-rows.ts'

const at = (offset: number) => midnightNs + BigInt(offset)
const row = (offset: number, line: string): Row => [at(offset), line]
const times = (rows: readonly { timeNs: bigint }[]) => rows.map(({ timeNs }) => timeNs)

/** Returns text that zstd cannot compress. */
function noise(bytes: number, seed: number): string {
  let state = seed * 2654435761 + 1
  let text = ''
  while (text.length < bytes) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    text += state.toString(36)
  }
  return text.slice(0, bytes)
}

test('rows of many level-0 segments are merged once and in order', async t => {
  const storage = await openStorage(t)
  for (let i = 0; i < 10; i++) {
    await storage.push(
      'a',
      acceptedStream({ app: 'x' }, [
        row(100 - i, `back ${i}`),
        row(i, `forth ${i}`),
        row(50, 'same'),
      ]),
      acceptedStream({ app: 'y' }, [row(i, `of y ${i}`)]),
    )
  }
  const inputs = await segmentNames(storage.segmentsDir)
  const before = identities(await readAllRows(storage.segmentsDir))
  await mergeFiles(storage, inputs, { name: segmentName(99, 1), sequence: 10 })
  const { rows, footer } = await readSegment(storage.segmentsDir, segmentName(99, 1))
  t.equal(rows.length, 31, 'the line pushed ten times is there once')
  t.same(identities(rows), [...new Set(before)])
  t.same([footer.level, footer.sequence, footer.replaces], [1, 10, inputs])
  t.same(footer.parts[0]!.streams, ['{app="x"}', '{app="y"}'])
  t.equal(footer.parts[0]!.blocks.length, 2, 'one block for each stream')
  const ofX = times(rows.filter(({ labels }) => labels === '{app="x"}'))
  t.same(ofX, ofX.toSorted())
})

test('only rows of the tenant and the day are merged', async t => {
  const storage = await openStorage(t)
  await storage.push(
    'a',
    acceptedStream({ app: 'x' }, [row(1, 'today'), [at(0) + dayNs, 'tomorrow']]),
  )
  await storage.push('b', acceptedStream({ app: 'x' }, [row(2, 'of b')]))
  const inputs = await segmentNames(storage.segmentsDir)
  const merged = async (tenant: string, ofDay: number, sequence: number) => {
    const name = segmentName(sequence, 1)
    await mergeFiles(storage, inputs, { name, tenant, day: ofDay })
    return (await readSegment(storage.segmentsDir, name)).rows.map(({ line }) => line)
  }
  t.same(await merged('a', day, 10), ['today'])
  t.same(await merged('a', day + 1, 11), ['tomorrow'])
  t.same(await merged('b', day, 12), ['of b'])
  t.same(await merged('c', day, 13), [])
})

test('rows get their level once, and keep their metadata', async t => {
  const storage = await openStorage(t)
  await storage.push(
    'a',
    acceptedStream({ app: 'x' }, [
      row(1, 'level=error it broke'),
      row(2, '{"level":"warn"}'),
      [at(3), 'plain', { trace: 't1' }],
      [at(4), 'level=error but', { level: 'debug', trace: 't1' }],
      row(5, 'nothing to see'),
    ]),
    acceptedStream({ app: 'z' }, [row(1, 'level=error')], { wantsLevels: false }),
  )
  const inputs = await segmentNames(storage.segmentsDir)
  const before = await readAllRows(storage.segmentsDir)
  await mergeFiles(storage, inputs, { name: segmentName(10, 1) })
  const { rows, footer } = await readSegment(storage.segmentsDir, segmentName(10, 1))
  t.same(
    footer.parts[0]!.blocks.map(({ flags }) => flags),
    [0, 0],
  )
  t.same(
    rows.map(({ metadata }) => metadata.detected_level),
    ['error', 'warn', 'unknown', 'debug', 'unknown', undefined],
  )
  t.same(rows, before, 'as queries saw them before')
  await mergeFiles(storage, [segmentName(10, 1)], { name: segmentName(11, 2), level: 2 })
  t.same((await readSegment(storage.segmentsDir, segmentName(11, 2))).rows, rows)
})

test('blocks have the intended size', async t => {
  const storage = await openStorage(t)
  for (let i = 0; i < 12; i++) {
    const rows = Array.from({ length: 300 }, (_, k) =>
      row(i * 300 + k, `${i} ${k} ${noise(700, i * 300 + k)}`),
    )
    await storage.push('a', acceptedStream({ app: 'x' }, rows))
  }
  const inputs = await segmentNames(storage.segmentsDir)
  await mergeFiles(storage, inputs, { name: segmentName(99, 1) })
  const { footer, rows, bytes } = await readSegment(storage.segmentsDir, segmentName(99, 1))
  const { blocks } = footer.parts[0]!
  t.equal(rows.length, 3600)
  t.same(times(rows), times(rows).toSorted())
  for (const [i, { lineBytes, rowCount, maxNs }] of blocks.entries()) {
    t.ok(lineBytes + rowCount <= blockLineBytesMax, `block ${i}: ${lineBytes} bytes`)
    const next = blocks[i + 1]
    if (next) t.ok(maxNs < next.minNs, 'blocks follow each other')
  }
  t.ok(blocks.length <= 6, `${blocks.length} blocks`)
  t.ok(bytes.length < 3600 * 700, 'compressed')
})

test('good blocks are copied byte for byte', async t => {
  const storage = await openStorage(t)
  const large = (from: number) =>
    acceptedStream(
      { app: 'x' },
      Array.from({ length: 500 }, (_, k) => row(from + k, noise(800, from + k))),
    )
  await storage.push('a', large(0))
  await mergeFiles(storage, [segmentName(1, 0)], { name: segmentName(10, 1), sequence: 1 })
  await storage.push('a', acceptedStream({ app: 'x' }, [row(10_000, 'small')]))
  await mergeFiles(storage, [segmentName(10, 1), segmentName(2, 0)], {
    name: segmentName(11, 2),
    level: 2,
    sequence: 2,
  })
  const source = await readSegment(storage.segmentsDir, segmentName(10, 1))
  const target = await readSegment(storage.segmentsDir, segmentName(11, 2))
  const [block] = source.footer.parts[0]!.blocks
  const [taken, added] = target.footer.parts[0]!.blocks
  t.ok(block!.lineBytes >= 256 * 1024, 'a good block')
  t.same({ ...taken, offsetBytes: 0 }, { ...block, offsetBytes: 0 })
  t.ok(target.blockBytes(taken!).equals(source.blockBytes(block!)))
  t.equal(added!.rowCount, 1)
  t.equal(target.rows.length, 501)
})

test("large blocks of a replica's commit are packed again, with their lines split", async t => {
  const storage = await openStorage(t, { pace: { compression: 'zstd' } })
  const rows = Array.from({ length: 5000 }, (_, k) =>
    row(k, `GET /orders/${k * 7919} took ${k % 97}ms by ${noise(40, k)}`),
  )
  // Levels are made by merges: blocks that wait for them would be packed again in any case.
  await storage.push('a', acceptedStream({ app: 'x' }, rows, { wantsLevels: false }))
  await mergeFiles(storage, [segmentName(1, 0)], { name: segmentName(10, 1), sequence: 1 })
  const [fresh, merged] = await Promise.all(
    [segmentName(1, 0), segmentName(10, 1)].map(async name => {
      const segment = await readSegment(storage.segmentsDir, name)
      return { rows: segment.rows, block: segment.footer.parts[0]!.blocks[0]! }
    }),
  )
  t.ok(fresh!.block.lineBytes >= 256 * 1024, 'large enough to be copied')
  t.equal(fresh!.block.sections.at(-1)!.codec, codecs.zstd)
  t.equal(merged!.block.sections.at(-1)!.codec, codecs.split)
  t.same(merged!.rows, fresh!.rows)
})

test('a good block that overlaps others is merged with them', async t => {
  const storage = await openStorage(t)
  const rows = Array.from({ length: 500 }, (_, k) => row(k * 2, noise(800, k)))
  await storage.push('a', acceptedStream({ app: 'x' }, rows))
  await mergeFiles(storage, [segmentName(1, 0)], { name: segmentName(10, 1), sequence: 1 })
  await storage.push(
    'a',
    acceptedStream({ app: 'x' }, [row(501, 'late'), rows[7]!, row(14, 'twin')]),
  )
  await mergeFiles(storage, [segmentName(10, 1), segmentName(2, 0)], {
    name: segmentName(11, 2),
    level: 2,
    sequence: 2,
  })
  const { rows: merged } = await readSegment(storage.segmentsDir, segmentName(11, 2))
  t.equal(merged.length, 502, 'the repeated row is there once')
  t.same(times(merged), times(merged).toSorted())
  const twins = merged.filter(({ timeNs }) => timeNs === at(14)).map(({ line }) => line)
  t.same(twins, [rows[7]![1], 'twin'], 'rows with equal times keep their order of arrival')
})

test('order of arrival at equal times survives several tiers of merges', async t => {
  const storage = await openStorage(t)
  for (let i = 1; i <= 4; i++) {
    await storage.push('a', acceptedStream({ app: 'x' }, [row(5, `${i}`)]))
  }
  await mergeFiles(storage, [segmentName(3, 0), segmentName(4, 0)], {
    name: segmentName(10, 1),
    sequence: 4,
  })
  await mergeFiles(storage, [segmentName(1, 0), segmentName(2, 0)], {
    name: segmentName(11, 1),
    sequence: 2,
  })
  await mergeFiles(storage, [segmentName(11, 1), segmentName(10, 1)], {
    name: segmentName(12, 2),
    level: 2,
  })
  const { rows } = await readSegment(storage.segmentsDir, segmentName(12, 2))
  t.same(
    rows.map(({ line }) => line),
    ['1', '2', '3', '4'],
  )
})

test('empty lines, line breaks in lines and bytes that are not text are preserved', async t => {
  const storage = await openStorage(t)
  const lines = ['', '\n', 'two\nlines\n', '값 🎉', '\u0000', noise(2000, 1)]
  await storage.push(
    'a',
    acceptedStream(
      { app: 'x' },
      lines.map((line, i) => row(i, line)),
    ),
  )
  const raw = acceptedStream({ app: 'raw' }, [row(0, '....')])
  raw.source.bytes.set([0xff, 0xfe, 0x0a, 0x80])
  await storage.push('a', raw)
  await mergeFiles(storage, await segmentNames(storage.segmentsDir), { name: segmentName(10, 1) })
  const { rows, bytes } = await readSegment(storage.segmentsDir, segmentName(10, 1))
  t.same(
    rows.filter(({ labels }) => labels === '{app="x"}').map(({ line }) => line),
    lines,
  )
  t.ok(bytes.includes(Buffer.from([0xff, 0xfe, 0x0a, 0x80, 0x0a])))
})
