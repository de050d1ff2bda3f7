import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseSelector } from '@skald/query'
import Database from 'better-sqlite3'
import { type Test, test } from 'tap'
import { checkCatalog } from '../src/catalog-check.ts'
import { acceptedStream, createTestLogger, dayNs, midnightNs, openStorage } from './harness.ts'
import { segmentNames } from './segment-rows.ts'

const range = { startNs: midnightNs, endNs: midnightNs + dayNs }

async function open(t: Test, change: string) {
  const storage = await openStorage(t)
  for (const app of ['x', 'y']) {
    await storage.push('a', acceptedStream({ app }, [[midnightNs + 5n, `line of ${app}`]]))
  }
  const database = new Database(join(storage.dir, 'catalog.sqlite'))
  database.exec(change)
  database.close()
  const { catalog, objects } = storage
  const { logger, messages } = createTestLogger()
  let repairs = 0
  const check = async () => {
    await checkCatalog({ catalog, objects, logger, pauseMs: 0, onDamage: () => repairs++ })
    return repairs
  }
  const found = async () => ({
    segments: (await catalog.findSegments('a', range)).length,
    streams: [...(await catalog.findStreams('a', parseSelector('{app=~".+"}'), range)).keys()],
  })
  return { ...storage, check, found, messages }
}

const all = { segments: 2, streams: ['{app="x"}', '{app="y"}'] }

for (const change of [
  'UPDATE segment_parts SET min_ns = max_ns + 4294967296 * 1000000 WHERE segment_id = 1',
  'UPDATE segment_parts SET max_ns = 0 WHERE segment_id = 1',
  'UPDATE segments SET size_bytes = size_bytes + 1024 WHERE id = 2',
  'UPDATE stream_days SET max_ns = 0 WHERE stream_id = 1',
  'DELETE FROM stream_pairs WHERE stream_id = 2; UPDATE segment_parts SET row_count = 9 WHERE segment_id = 1',
]) {
  test(`a wrong record is written again: ${change}`, async t => {
    const { check, found, messages, catalog, segments } = await open(t, change)
    const repairs = await check()
    t.ok(repairs >= 1)
    t.match(messages()[0], /^the catalog is damaged: a record did not fit its segment/)
    t.same(await found(), all)
    for (const { name, sizeBytes } of await catalog.listSegments()) {
      await segments.footer(name, sizeBytes)
    }
    t.equal(await check(), repairs, 'and fits then')
  })
}

test('a whole catalog is left alone, and so is a file that belongs to another segment', async t => {
  const { check, found, segmentsDir, messages } = await open(t, '')
  const [first, second] = await segmentNames(segmentsDir)
  t.equal(await check(), 0)
  await copyFile(join(segmentsDir, second!), join(segmentsDir, first!))
  t.equal(await check(), 0)
  await writeFile(join(segmentsDir, first!), 'damaged')
  t.equal(await check(), 0)
  t.same(await found(), all)
  t.same(messages(), [])
})
