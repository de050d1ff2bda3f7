// Segments of format version 1, as written by a version of Skald before filters. They are read as
// they are, and compaction gives them filters.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { defaultQueryLimits, runQuery } from '@skald/query'
import { type Test, test } from 'tap'
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts'
import { Compactor } from '../../src/compaction/compactor.ts'
import { openDiskObjectStore } from '../../src/objects/disk.ts'
import { recover } from '../../src/recovery.ts'
import { createLogSource } from '../../src/scan/log-source.ts'
import { ScanPool } from '../../src/scan/pool.ts'
import { SharedRuns } from '../../src/scan/shared-runs.ts'
import { segmentName } from '../../src/segment/name.ts'
import { createTestLogger, dayNs, midnightNs, openStorage } from '../harness.ts'
import { identities, readAllRows, readSegment, segmentNames } from '../segment-rows.ts'

/** Three streams of 40 lines each, in a compacted segment of version 1. */
const fixture = new URL('../fixtures/segment-v1-compacted.hex', import.meta.url)

/** Puts the segment into a new directory, some copies for as many days. */
async function oldDirectory(t: Test, { copies = 1 } = {}): Promise<string> {
  const dir = t.testdir()
  const segmentsDir = join(dir, 'segments')
  await mkdir(segmentsDir, { recursive: true })
  const bytes = Buffer.from((await readFile(fixture, 'utf8')).replaceAll(/\s/g, ''), 'hex')
  for (let i = 0; i < copies; i++) await writeFile(join(segmentsDir, segmentName(2 + i, 1)), bytes)
  return dir
}

async function open(t: Test, dir: string) {
  const { logger, messages } = createTestLogger()
  const storage = await openStorage(t, { dir, firstSequence: 100 })
  const { catalog, objects, segments, segmentsDir, nextSequence } = storage
  await recover({ catalog, objects, logger })
  const pool = new ScanPool({ directory: segmentsDir, logLevelFields: ['level'] }, 1)
  t.teardown(() => pool.close())
  const compactor = new Compactor({
    ...{ catalog, segments, logger, nextSequence },
    clock: { now: () => Date.now() },
    worker: { directory: segmentsDir, logLevelFields: ['level'] },
  })
  t.teardown(() => compactor.close())
  const ask = async (logql: string) => {
    const source = createLogSource('a', { catalog, segments, pool, runs: new SharedRuns() })
    const request = {
      ...{ logql, startNs: midnightNs, endNs: midnightNs + dayNs, stepNs: dayNs, intervalNs: 0n },
      ...{ limit: 5000, direction: 'forward' as const, isInstant: false },
      limits: defaultQueryLimits,
    }
    const result = await runQuery(request, source, new AbortController().signal)
    if (result.kind !== 'streams') throw new Error(`got ${result.kind}`)
    const lines = result.entries.map(({ line, timestampNs }) => `${timestampNs} ${line}`)
    return { lines, skipped: result.stats.blocksSkipped }
  }
  return { ...storage, compactor, ask, messages }
}

test('a segment of version 1 has the same answers before and after it gets filters', async t => {
  const { catalog, segmentsDir, compactor, ask } = await open(t, await oldDirectory(t))
  const queries = [
    '{app=~".+"}',
    '{app=~".+"} |= "7 of stream 1, order-1-17-shipped"',
    '{app=~".+"} | trace_id="trace-2-5"',
    '{app=~".+"} |= "never shipped at all"',
  ]
  const before = []
  for (const query of queries) before.push(await ask(query))
  t.same(
    before.map(({ lines, skipped }) => [lines.length, skipped]),
    [
      [120, 0],
      [1, 0],
      [1, 0],
      [0, 0],
    ],
  )
  const rows = identities(await readAllRows(segmentsDir))
  await compactor.flush()
  t.equal(compactor.runs, 1)
  t.same(identities(await readAllRows(segmentsDir)), rows)
  const parts = await catalog.listParts('compacted')
  t.same(
    parts.map(({ version, level, sequence, rowCount }) => [version, level, sequence, rowCount]),
    [[2, 1, 1, 120]],
  )
  const { footer } = await readSegment(segmentsDir, parts[0]!.name)
  t.equal(footer.version, 2)
  t.equal(footer.parts[0]!.filters.length, 1)
  t.equal(footer.parts[0]!.counts.length, 1)
  const after = []
  for (const query of queries) after.push(await ask(query))
  t.same(
    after.map(({ lines }) => lines),
    before.map(({ lines }) => lines),
  )
  t.same(
    after.map(({ skipped }) => skipped),
    [0, 1, 2, 3],
    'blocks that filters rule out',
  )
  await compactor.flush()
  t.equal(compactor.runs, 1, 'once is enough')
})

test('a store killed while it rewrites old segments loses nothing', async t => {
  const dir = await oldDirectory(t, { copies: 6 })
  const segmentsDir = join(dir, 'segments')
  const before = new Set(identities(await readAllRows(segmentsDir)))
  t.equal(before.size, 120)
  const main = fileURLToPath(new URL('../compact-main.ts', import.meta.url))
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, [main, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    await once(child.stdout, 'data')
    await sleep(60 + round * 40)
    child.kill('SIGKILL')
    await exited
    const catalog = openSqliteCatalog(join(dir, 'catalog.sqlite'))
    const objects = await openDiskObjectStore(segmentsDir)
    const { logger, messages } = createTestLogger()
    await recover({ catalog, objects, logger })
    t.same(new Set(identities(await readAllRows(segmentsDir))), before, `round ${round}`)
    t.same(
      (await catalog.listSegments()).map(({ name }) => name).sort(),
      await segmentNames(segmentsDir),
    )
    t.notOk(messages().includes('segments are missing, their entries are lost'))
    await catalog.close()
    await objects.close()
  }
})

test('a damaged segment of version 1 goes to quarantine, and what is whole gets filters', async t => {
  const dir = await oldDirectory(t, { copies: 2 })
  const { catalog, segmentsDir, compactor, messages } = await open(t, dir)
  const [first] = await segmentNames(segmentsDir)
  // Its footer was read by then.
  const bytes = await readFile(join(segmentsDir, first!))
  bytes[40]! ^= 1
  await writeFile(join(segmentsDir, first!), bytes)
  await compactor.flush()
  await compactor.flush()
  const versions = (await catalog.listParts('compacted')).map(({ version }) => version)
  t.same(versions.sort(), [2, 2])
  t.equal(
    messages().filter(message => message.startsWith('blocks of a segment are damaged')).length,
    1,
  )
  t.same(await segmentNames(join(dir, 'quarantine')), [first])
})
