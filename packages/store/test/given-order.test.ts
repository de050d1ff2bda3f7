// The order of lines with equal times, if the catalog gives commits their sequence when it enters them.

import { defaultQueryLimits, runQuery } from '@skald/query'
import { type Test, test } from 'tap'
import type { CatalogSegment } from '../src/catalog/catalog.ts'
import { chooseLevel0 } from '../src/compaction/choose.ts'
import { createSharedTools, runMergeJob } from '../src/compaction/merge-job.ts'
import { Committer } from '../src/ingest/committer.ts'
import { DiskReader } from '../src/objects/disk.ts'
import { createLogSource } from '../src/scan/log-source.ts'
import { ScanPool } from '../src/scan/pool.ts'
import { SharedRuns } from '../src/scan/shared-runs.ts'
import { segmentName } from '../src/segment/name.ts'
import {
  acceptedStream,
  createTestLogger,
  dayNs,
  midnightNs,
  openStorage,
  type Row,
} from './harness.ts'
import { readSegment } from './segment-rows.ts'

const merged = segmentName(1000, 1)

/** Commits lines with the same time in an order that is not that of their names. */
async function commitOutOfOrder(t: Test) {
  const storage = await openStorage(t)
  const { catalog, objects, segments, nextSequence, segmentsDir } = storage
  const given = [30, 10, 20]
  const ordering = Object.create(catalog, {
    addSegments: {
      value: (added: readonly CatalogSegment[]) =>
        catalog.addSegments(
          added.map(segment => ({ ...segment, sequence: given.shift()! })),
          [],
        ),
    },
  })
  const committer = new Committer({
    ...{ catalog: ordering, objects, nextSequence },
    clock: { now: () => Date.now() },
    logger: createTestLogger().logger,
    arriving: () => 0,
    onCommit: ({ name, footer }) => segments.commit(name, footer),
    pace: { orderedBy: 'catalog' },
  })
  const row = (line: string): Row => [midnightNs + 5n, line]
  for (const line of ['third', 'first', 'second']) {
    await committer.add('a', [acceptedStream({ app: 'x' }, [row(line)])], 6)
  }
  const pool = new ScanPool({ directory: segmentsDir, logLevelFields: ['level'] }, 1)
  t.teardown(() => pool.close())
  const lines = async () => {
    const result = await runQuery(
      {
        logql: '{app="x"}',
        startNs: midnightNs,
        endNs: midnightNs + dayNs,
        stepNs: dayNs,
        intervalNs: 0n,
        limit: 10,
        direction: 'forward',
        isInstant: false,
        limits: defaultQueryLimits,
      },
      createLogSource('a', { catalog, segments, pool, runs: new SharedRuns() }),
      new AbortController().signal,
    )
    return result.kind === 'streams' ? result.entries.map(({ line }) => line) : []
  }
  return { ...storage, lines }
}

test('queries return lines with equal times in the order that the catalog gave', async t => {
  const { lines } = await commitOutOfOrder(t)
  t.same(await lines(), ['first', 'second', 'third'])
})

test('merges keep that order', async t => {
  const { catalog, objects, segmentsDir } = await commitOutOfOrder(t)
  const choice = chooseLevel0(await catalog.listParts('level0'))!
  t.equal(choice.sequence, 30)
  const reader = new DiskReader(segmentsDir)
  t.teardown(() => reader.close())
  const { inputs, outputs, level, sequence, sequences } = choice
  await runMergeJob(
    {
      ...{ inputs, isRewrite: false, sequences: sequences! },
      outputs: outputs.map(output => ({
        ...{ ...output, level, sequence, replaces: inputs },
        ...{ deletes: [], expired: [], name: merged },
      })),
    },
    { objects, reader, ...createSharedTools(['level']) },
  )
  const { rows, footer } = await readSegment(segmentsDir, merged)
  t.same(
    rows.map(({ line }) => line),
    ['first', 'second', 'third'],
  )
  t.equal(footer.parts[0]!.blocks[0]!.sequence, 30)
})
