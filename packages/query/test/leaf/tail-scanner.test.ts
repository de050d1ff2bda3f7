import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { parseLogQuery, TailScanner } from '../../src/index.ts'
import { createBlock, testClock } from '../memory-source.ts'

const labels = createLabelSet({ app: 'x' })
const rows = [
  { timestampNs: 100n, line: 'level=info n=1' },
  { timestampNs: 110n, line: 'level=error n=2', metadata: { trace: 'abc' } },
  { timestampNs: 110n, line: 'level=error n=3' },
]

test('A tail scanner gives the entries of each block that pass the pipeline', async t => {
  const scanner = new TailScanner(
    parseLogQuery('{app="x"} |= "error" | logfmt | line_format "{{.n}}"'),
    testClock,
  )
  const found = [
    ...scanner.scan(createBlock(labels, rows)),
    ...scanner.scan(createBlock(labels, [{ timestampNs: 90n, line: 'level=error n=4' }])),
  ]
  t.same(
    found.map(({ timestampNs, line }) => [timestampNs, line]),
    [
      [110n, '2'],
      [110n, '3'],
      [90n, '4'],
    ],
  )
  t.same(found[0]!.labels, {
    stream: labels,
    metadata: [{ name: 'trace', value: 'abc' }],
    parsed: [
      { name: 'level', value: 'error' },
      { name: 'n', value: '2' },
    ],
  })
})

test('A tail scanner leaves out the rows that do not count', async t => {
  const scanner = new TailScanner(parseLogQuery('{app="x"}'), testClock)
  const block = { ...createBlock(labels, rows), skip: Uint8Array.of(0, 1, 0) }
  t.same(
    scanner.scan(block).map(({ line }) => line),
    ['level=info n=1', 'level=error n=3'],
  )
})
