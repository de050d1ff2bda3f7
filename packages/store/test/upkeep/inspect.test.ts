import { join } from 'node:path'
import { type Test, test } from 'tap'
import { openInspection } from '../../src/upkeep/inspect.ts'
import { readSegment } from '../segment-rows.ts'
import { flipByte } from './damage.ts'
import { makeSmallStore } from './small-store.ts'

async function inspect(t: Test, path: string) {
  const segment = await openInspection(path)
  t.teardown(() => segment.close())
  const parts = [...segment.parts()].map(part => ({ ...part, blocks: [...part.blocks()] }))
  return { head: segment.head(), parts }
}

test('a compacted segment is described with all of its bytes', async t => {
  const { segmentsDir, compacted } = await makeSmallStore(t)
  const path = join(segmentsDir, compacted)
  const { bytes, footer } = await readSegment(segmentsDir, compacted)
  const { head, parts } = await inspect(t, path)
  t.match(head, {
    ...{ file: path, sizeBytes: bytes.length, version: 2, level: 1, sequence: 2, parts: 1 },
    replaces: footer.replaces,
  })
  const [{ tenant, day, streams, filters, counts, blocks }] = parts as [(typeof parts)[0]]
  t.same({ tenant, day }, { tenant: 'a', day: 20_000 })
  t.same(
    streams.map(({ labels, rows }) => [labels, rows]),
    [
      ['{app="notes"}', 240],
      ['{app="shop"}', 3000],
      ['{app="tiny"}', 2],
      ['{app="traced"}', 80],
    ],
  )
  const sum = (all: readonly { readonly storedBytes: number }[]) =>
    all.reduce((total, { storedBytes }) => total + storedBytes, 0)
  t.equal(sum(streams), sum(blocks))
  for (const block of blocks) t.equal(sum(block.sections), block.storedBytes)
  t.equal(filters.length, 1)
  t.equal(filters[0]!.filters, blocks.length)
  t.equal(counts.length, 1)
  t.ok(counts[0]!.counted > 0)
  const cells = Object.values(counts[0]!.cells).reduce((all, some) => all + some, 0)
  t.equal(cells, counts[0]!.counted)

  const codecOf = (labels: string) =>
    blocks.find(block => block.labels === labels)!.sections.find(({ name }) => name === 'lines')!
      .codec
  t.same(
    streams.map(({ labels }) => codecOf(labels)),
    ['zstd', 'split', 'raw', 'zstd'],
  )
  const shop = blocks.find(({ labels }) => labels === '{app="shop"}')!
  t.equal(shop.split?.lines, 3000)
  t.ok(shop.split!.templates >= 1)
  const numbers = shop.split!.columns.filter(({ kind }) => kind === 'number')
  t.ok(numbers.length >= 3)
  for (const { values, bytes: size } of numbers) t.ok(values > 0 && size >= values)
  t.equal(
    shop.split!.groups.reduce((total, { storedBytes }) => total + storedBytes, 0) <
      shop.storedBytes,
    true,
  )
  t.same(
    shop.split!.groups.map(({ parts: names }) => names.join()),
    ['shape,ids,words,rows', 'numbers,hex'],
  )
  const traced = blocks.find(({ labels }) => labels === '{app="traced"}')!
  t.ok(traced.metadataPairs! >= 160)
  t.notOk(traced.isLevelPending)
})

test('a fresh segment is described', async t => {
  const { segmentsDir, fresh } = await makeSmallStore(t)
  const { head, parts } = await inspect(t, join(segmentsDir, fresh[1]!))
  t.match(head, { version: 1, level: 0, sequence: 5, parts: 2, replaces: [] })
  t.same(
    parts.map(({ day }) => day),
    [20_000, 20_001],
  )
  for (const { blocks, filters, counts } of parts) {
    t.same({ filters, counts }, { filters: [], counts: [] })
    for (const block of blocks) {
      t.ok(block.isLevelPending)
      t.ok(block.sections.every(({ codec }) => codec === 'raw'))
    }
  }
})

test('damage inside is told, and the rest is described', async t => {
  const { segmentsDir, compacted } = await makeSmallStore(t)
  const path = join(segmentsDir, compacted)
  const { footer } = await readSegment(segmentsDir, compacted)
  const [part] = footer.parts
  const shop = part!.blocks[1]!
  const inLines =
    shop.offsetBytes + shop.sections.slice(0, 4).reduce((at, one) => at + one.storedBytes, 0)
  flipByte(path, inLines + 40)
  flipByte(path, part!.filters[0]!.offsetBytes)
  flipByte(path, part!.counts[0]!.offsetBytes)
  const { parts } = await inspect(t, path)
  t.equal(parts[0]!.blocks[1]!.fault, 'the checksum of the lines is wrong')
  t.match(parts[0]!.filters[0]!.fault, 'filter page 0 is damaged')
  t.match(parts[0]!.counts[0]!.fault, 'counts are damaged')
  t.equal(parts[0]!.streams.length, 4)
})

test('what is no segment is refused', async t => {
  const dir = t.testdir({ 'a.txt': 'a text', empty: '' })
  const { segmentsDir, compacted } = await makeSmallStore(t, { dir: join(dir, 'store') })
  for (const name of ['a.txt', 'empty'])
    await t.rejects(openInspection(join(dir, name)), {
      code: 'UPKEEP_PATH',
      message: /is no segment/,
    })
  await t.rejects(openInspection(join(dir, 'nowhere')), { code: 'ENOENT' })
  await t.rejects(openInspection(dir), { code: 'EISDIR' })
  flipByte(join(segmentsDir, compacted), -20)
  await t.rejects(openInspection(join(segmentsDir, compacted)), {
    code: 'UPKEEP',
    message: /is damaged or not complete: at byte \d+, footer checksum/,
  })
})
