import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { createScanStats } from '../../src/blocks/stats.ts'
import { formatQueryResult, sampleText, secondsText } from '../../src/index.ts'

const stats = createScanStats()
const timeNs = 1_700_000_000_500_000_000n

test('Samples are written with the shortest digits and no exponent', async t => {
  const f = (value: number, want: string) => t.equal(sampleText(value), want)
  f(1, '1')
  f(0.1 + 0.2, '0.30000000000000004')
  f(1e21, '1000000000000000000000')
  f(5e-7, '0.0000005')
  f(Number.NaN, 'NaN')
  f(Number.POSITIVE_INFINITY, '+Inf')
  f(Number.NEGATIVE_INFINITY, '-Inf')
  t.equal(secondsText(timeNs), '1700000000.5')
  t.equal(secondsText(1_700_000_000_000_000_000n), '1700000000')
})

test('Streams are grouped by all labels, or by those of the stream with categorize-labels', async t => {
  const labels = (level: string) => ({
    stream: createLabelSet({ app: 'a' }),
    metadata: createLabelSet({ trace: 't' }),
    parsed: createLabelSet({ level }),
  })
  const result = {
    kind: 'streams' as const,
    direction: 'forward' as const,
    stats,
    warnings: [],
    entries: [
      { timestampNs: 1n, line: 'x "q" \ud800', labels: labels('info') },
      { timestampNs: 2n, line: 'y', labels: labels('warn') },
    ],
  }
  t.same(JSON.parse(formatQueryResult(result, { categorizeLabels: false })).data.result, [
    { stream: { app: 'a', level: 'info', trace: 't' }, values: [['1', 'x "q" \ufffd']] },
    { stream: { app: 'a', level: 'warn', trace: 't' }, values: [['2', 'y']] },
  ])
  const { data } = JSON.parse(formatQueryResult(result, { categorizeLabels: true }))
  t.same(data.encodingFlags, ['categorize-labels'])
  t.same(data.result, [
    {
      stream: { app: 'a' },
      values: [
        ['1', 'x "q" \ufffd', { structuredMetadata: { trace: 't' }, parsed: { level: 'info' } }],
        ['2', 'y', { structuredMetadata: { trace: 't' }, parsed: { level: 'warn' } }],
      ],
    },
  ])
})

test('Matrix, vector and scalar have seconds and texts', async t => {
  const format = { categorizeLabels: false, statsJson: '{"x":1}' }
  const parse = (text: string) => JSON.parse(text).data
  const labels = createLabelSet({ a: 'b' })
  t.same(
    parse(
      formatQueryResult(
        {
          kind: 'matrix',
          stats,
          warnings: [],
          grid: { startNs: 0n, stepNs: 500_000_000n, count: 3 },
          series: [{ labels, values: Float64Array.of(1, 2, 3), present: Uint8Array.of(1, 0, 1) }],
        },
        format,
      ),
    ),
    {
      resultType: 'matrix',
      result: [
        {
          metric: { a: 'b' },
          values: [
            [0, '1'],
            [1, '3'],
          ],
        },
      ],
      stats: { x: 1 },
    },
  )
  t.same(
    parse(
      formatQueryResult(
        { kind: 'vector', stats, warnings: [], timeNs, samples: [{ labels, value: 2 }] },
        format,
      ),
    ).result,
    [{ metric: { a: 'b' }, value: [1700000000.5, '2'] }],
  )
  t.same(
    parse(formatQueryResult({ kind: 'scalar', stats, warnings: [], timeNs, value: 2 }, format))
      .result,
    [1700000000.5, '2'],
  )
})

test('Warnings stand in front of the data, and nowhere where there are none', async t => {
  const result = { kind: 'scalar', stats, timeNs, value: 2 } as const
  const format = { categorizeLabels: false }
  const warned = formatQueryResult({ ...result, warnings: ['too much'] }, format)
  t.ok(warned.startsWith('{"status":"success","warnings":["too much"],"data":'))
  t.notMatch(formatQueryResult({ ...result, warnings: [] }, format), 'warnings')
})
