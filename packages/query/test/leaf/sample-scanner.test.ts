import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { createScanStats } from '../../src/blocks/stats.ts'
import {
  type BlockView,
  defaultQueryLimits,
  parseLogql,
  type QueryRequest,
  runQuery,
} from '../../src/index.ts'
import { BlockRows } from '../../src/leaf/row-source.ts'
import { compilePipeline } from '../../src/stages/compile.ts'
import type { LogExpr } from '../../src/syntax-tree/ast.ts'
import { createMemorySource, type TestStream, testClock } from '../memory-source.ts'

const startNs = 1_768_435_200_000_000_000n
const second = 1_000_000_000n

const streams: readonly TestStream[] = [
  {
    labels: { app: 'a', env: 'x' },
    entries: Array.from({ length: 50 }, (_, i) => ({
      timestampNs: startNs + BigInt(i) * second,
      line: `line ${i} level=${i % 2 ? 'error' : 'info'}`,
      metadata: { detected_level: i % 2 ? 'error' : 'info' },
    })),
  },
]

function request(logql: string): QueryRequest {
  return {
    logql,
    startNs: startNs + 60n * second,
    endNs: startNs + 60n * second,
    stepNs: second,
    intervalNs: 0n,
    limit: 10,
    direction: 'backward',
    isInstant: true,
    limits: defaultQueryLimits,
  }
}

async function touchedBy(logql: string) {
  const source = createMemorySource(streams, 10)
  const result = await runQuery(request(logql), source, new AbortController().signal)
  return { touched: source.touched, result }
}

test('A count of rows reads no lines and no metadata where stream labels are kept', async t => {
  const { touched, result } = await touchedBy('sum by (app) (rate({app="a"}[2m]))')
  t.same(touched, { lines: 0, lengths: 0, times: 0, metadata: 0 })
  t.equal(result.kind === 'vector' && result.samples[0]!.value, 50 / 120)
})

test('A count that a window cuts reads times only', async t => {
  const { touched } = await touchedBy('sum(count_over_time({app="a"}[35s]))')
  t.same([touched.lines, touched.lengths, touched.metadata], [0, 0, 0])
})

test('A count of bytes reads lengths, not lines', async t => {
  const { touched, result } = await touchedBy('sum(bytes_over_time({app="a"}[2m]))')
  t.same([touched.lines, touched.metadata], [0, 0])
  t.ok(touched.lengths > 0)
  const bytes = streams[0]!.entries.reduce((sum, { line }) => sum + line.length, 0)
  t.equal(result.kind === 'vector' && result.samples[0]!.value, bytes)
})

test('Labels of the metadata make series without a look at lines', async t => {
  const { touched, result } = await touchedBy('count_over_time({app="a"}[2m])')
  t.equal(touched.lines, 0)
  t.same(result.kind === 'vector' && result.samples.map(sample => sample.value), [25, 25])
})

test('A filter on metadata decides without lines', async t => {
  const { touched, result } = await touchedBy(
    'sum(count_over_time({app="a"} | detected_level="error" [2m]))',
  )
  t.equal(touched.lines, 0)
  t.equal(result.kind === 'vector' && result.samples[0]!.value, 25)
})

test('A query with more series than allowed is refused', async t => {
  const limits = { ...defaultQueryLimits, maxQuerySeries: 10 }
  const logql = 'count_over_time({app="a"} | regexp "(?P<n>[0-9]+)" [2m])'
  const run = runQuery(
    { ...request(logql), limits },
    createMemorySource(streams),
    new AbortController().signal,
  )
  await t.rejects(run, {
    code: 'LIMIT_EXCEEDED',
    limit: 'max_query_series',
    message: /^maximum number of series \(10\) reached for a single query;/,
  })
})

test('Windows of every range and step count each entry as often as it is in them', async t => {
  for (const [rangeS, stepS] of [
    [10, 10],
    [25, 10],
    [7, 10],
    [30, 10],
    [1, 3],
    [61, 7],
  ] as const) {
    const result = await runQuery(
      {
        ...request(`sum(count_over_time({app="a"}[${rangeS}s]))`),
        isInstant: false,
        startNs,
        endNs: startNs + 70n * second,
        stepNs: BigInt(stepS) * second,
      },
      createMemorySource(streams, 8),
      new AbortController().signal,
    )
    if (result.kind !== 'matrix') throw new TypeError('not a matrix')
    const { grid } = result
    const [series] = result.series
    for (let step = 0; step < grid.count; step++) {
      const end = grid.startNs + BigInt(step) * grid.stepNs
      const begin = end - BigInt(rangeS) * second
      const want = streams[0]!.entries.filter(
        ({ timestampNs }) => timestampNs > begin && timestampNs <= end,
      ).length
      const got = series!.present[step] ? series!.values[step] : 0
      if (got !== want) t.equal(got, want, `range ${rangeS} s, step ${stepS} s, point ${step}`)
    }
  }
  t.pass('all windows are right')
})

test('A label filter behind a parser spares blocks that lack its value, escapes included', async t => {
  const rowsLeft = (logql: string, lines: string[], labels: Record<string, string> = {}) => {
    const bytes = Buffer.from(lines.map(line => `${line}\n`).join(''))
    const offsets = new Uint32Array(lines.length + 1)
    for (const [i, line] of lines.entries()) offsets[i + 1] = offsets[i]! + line.length + 1
    const block: BlockView = {
      labels: createLabelSet(labels),
      sequence: 0,
      rowCount: lines.length,
      baseNs: 0n,
      minNs: 0n,
      maxNs: 0n,
      skip: undefined,
      timestamps: () => new Float64Array(lines.length),
      lineLengths: () => new Uint32Array(lines.length),
      lines: () => ({ bytes, offsets }),
      metadata: () => ({ sets: [], rowSets: new Uint32Array(lines.length) }),
      metadataPairs: () => new Uint32Array(lines.length),
    }
    const expr = parseLogql(logql) as LogExpr
    const rows = new BlockRows(block, createScanStats(), testClock)
    return rows.select({ startNs: 0n, endNs: 1n }, compilePipeline(expr.stages)).count
  }
  const lines = ['{"level":"info"}', '{"level":"warn"}', '{"level":"debug"}']
  t.equal(rowsLeft('{a="b"} | json | level="error"', lines), 0)
  t.equal(rowsLeft('{a="b"} | json | level="error" or level="warn"', lines), 1)
  t.equal(rowsLeft('{a="b"} | json | level="error"', [...lines, '{"level":"\\u0065rror"}']), 1)
  t.equal(rowsLeft('{a="b"} | logfmt | level="error"', ['level=info', 'level="err\\u006fr"']), 1)
  // What is no text of the line, or may be missing from it, spares none.
  t.equal(rowsLeft('{a="b"} | json | level="error"', lines, { level: 'error' }), 3)
  t.equal(rowsLeft('{a="b"} | json | level!="error"', lines), 3)
  t.equal(rowsLeft('{a="b"} | json | level="" ', lines), 3)
  t.equal(rowsLeft('{a="b"} | json | label_format level=x | level="error"', lines), 3)
})
