// Queries over spans with gap markers carry a warning: from fresh and from merged segments, whether they
// read lines or only counts.

import { nsPerMs } from '@skald/go-dialect'
import { defaultQueryLimits, parseLogQuery, runQuery } from '@skald/query'
import { parseLabelSet } from '@skald/wire'
import { type Test, test } from 'tap'
import { catalogPartsOf } from '../../src/catalog/catalog-parts.ts'
import { createDeleteRule, type DeleteRule } from '../../src/deletes/delete-rule.ts'
import { createLogSource } from '../../src/scan/log-source.ts'
import { ScanPool } from '../../src/scan/pool.ts'
import { SharedRuns } from '../../src/scan/shared-runs.ts'
import { flagGaps } from '../../src/segment/format.ts'
import { segmentName } from '../../src/segment/name.ts'
import { acceptedStream, midnightNs, openStorage, type Row } from '../harness.ts'
import { mergeFiles } from '../merge-files.ts'

const minute = 60_000_000_000n
const gap = { skald_gap: 'deleted', skald_gap_bytes: '1000', skald_gap_file: '/a.log' }

/** Opens a store with 60 lines of two apps, a minute apart. App `a` has gaps at minutes 10 and 40. */
async function open(t: Test, { isMerged }: { readonly isMerged: boolean }) {
  const storage = await openStorage(t)
  const { catalog, segments, segmentsDir } = storage
  const rows = Array.from(
    { length: 60 },
    (_, i): Row => [midnightNs + BigInt(i) * minute, `n ${i}`],
  )
  const markers = [10n, 40n].map(
    (at): Row => [midnightNs + at * minute + 1n, 'skald gap: 1,000 bytes …', gap],
  )
  await storage.push(
    'a',
    acceptedStream(
      { app: 'a' },
      [...rows, ...markers].sort(([x], [y]) => (x < y ? -1 : 1)),
    ),
    acceptedStream({ app: 'b' }, rows),
  )
  if (isMerged) {
    const inputs = (await catalog.listParts('level0')).map(({ name }) => name)
    const name = segmentName(storage.nextSequence(), 1)
    const { footer, sizeBytes } = await mergeFiles(storage, inputs, { name })
    t.ok(footer.parts[0]!.counts.length > 0, 'the merged segment has counts')
    const { level, sequence, version } = footer
    const parts = catalogPartsOf(footer, parseLabelSet)
    await catalog.addSegments(
      [{ name, level, sequence, version, sizeBytes, createdMs: 1, parts }],
      inputs,
    )
  }
  const pool = new ScanPool({ directory: segmentsDir, logLevelFields: ['level'] }, 1)
  t.teardown(() => pool.close())
  const ask = (
    logql: string,
    [from, to]: readonly [from: bigint, to: bigint],
    rules: readonly DeleteRule[] = [],
  ) =>
    runQuery(
      {
        ...{ logql, startNs: midnightNs + from * minute, endNs: midnightNs + to * minute },
        ...{ stepNs: 5n * minute, intervalNs: 0n, isInstant: false, limit: 10 },
        ...{ direction: 'backward', limits: defaultQueryLimits },
      },
      createLogSource('a', {
        ...{ catalog, segments, pool, runs: new SharedRuns(), rulesFor: () => rules },
      }),
      new AbortController().signal,
    )
  return { ...storage, ask }
}

for (const isMerged of [false, true]) {
  const where = isMerged ? 'merged' : 'level-0'

  test(`A log query over a ${where} gap has a warning, even if it reads other lines`, async t => {
    const { ask } = await open(t, { isMerged })
    const both = await ask('{app="a"}', [0n, 60n])
    t.equal(both.warnings.length, 1)
    t.match(both.warnings[0], /: 2 gaps, 2,000 bytes missing, noted between /)
    const filtered = await ask('{app=~"a|b"} |= "n 12"', [0n, 30n])
    t.match(filtered.warnings, [
      /: 1 gap, 1,000 bytes missing, noted at 2024-10-04T00:10:00\.000000001Z;/,
    ])
    t.equal(filtered.kind === 'streams' && filtered.entries.length, 2)
  })

  test(`A metric query over a ${where} gap has a warning`, async t => {
    const { ask } = await open(t, { isMerged })
    const counted = await ask('sum(count_over_time({app="a"}[5m]))', [0n, 59n])
    t.match(counted.warnings, [/: 2 gaps, 2,000 bytes missing/])
    if (isMerged) t.ok(counted.stats.blocksFromCounts > 0, 'it was answered from counts')
    const twice = await ask('sum(count_over_time({app="a"}[5m])) / sum(rate({app=~"a|b"}[5m]))', [
      0n,
      59n,
    ])
    t.match(twice.warnings, [/: 2 gaps, 2,000 bytes missing/])
  })

  test(`Other streams, times and deleted ${where} markers cause no warning`, async t => {
    const { ask } = await open(t, { isMerged })
    t.same((await ask('{app="b"}', [0n, 60n])).warnings, [])
    t.same((await ask('{app="a"}', [11n, 40n])).warnings, [])
    const startMs = Number(midnightNs / nsPerMs)
    const rule = createDeleteRule(
      { id: 'a', log: parseLogQuery('{app="a"}') },
      { startMs, endMs: startMs + 15 * 60_000 },
    )
    t.match((await ask('{app="a"}', [0n, 60n], [rule])).warnings, [/: 1 gap, 1,000 bytes/])
  })
}

test('Only blocks with markers are flagged', async t => {
  const { catalog, segments } = await open(t, { isMerged: true })
  const [info] = await catalog.listSegments()
  const { parts } = await segments.footer(info!.name, info!.sizeBytes)
  t.same(
    parts[0]!.blocks.map(({ stream, flags }) => [
      parts[0]!.streams[stream],
      (flags & flagGaps) !== 0,
    ]),
    [
      ['{app="a"}', true],
      ['{app="b"}', false],
    ],
  )
})
