import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { parseLogQuery, RowMatcher } from '../../src/index.ts'
import { createBlock, testClock } from '../memory-source.ts'

const labels = createLabelSet({ app: 'x' })
const rows = [
  { timestampNs: 100n, line: 'level=info n=1' },
  { timestampNs: 110n, line: 'level=error n=2', metadata: { trace: 'abc' } },
  { timestampNs: 110n, line: 'level=error n=3' },
  { timestampNs: 120n, line: 'level=error n=4' },
]
const all = { startNs: 0n, endNs: 1000n }

test('A row matcher finds the rows that the pipeline lets through', async t => {
  const block = createBlock(labels, rows)
  const found = (logql: string, bounds = all) =>
    new RowMatcher(parseLogQuery(logql), testClock).rows(block, bounds)
  t.same(found('{app="x"}'), [0, 1, 2, 3])
  t.same(found('{app="x"} |= "error"'), [1, 2, 3])
  t.same(found('{app="x"} |= "error" | logfmt | n > 2'), [2, 3])
  t.same(found('{app="x"} | trace="abc"'), [1])
  t.same(found('{app="x"} |= "nowhere"'), [])
  t.same(found('{app="x"} |= "error"', { startNs: 110n, endNs: 120n }), [1, 2])
  t.same(found('{app="x"}', { startNs: 200n, endNs: 300n }), [])
})

test('A row matcher leaves out the rows that are skipped already', async t => {
  const block = { ...createBlock(labels, rows), skip: Uint8Array.of(0, 1, 0, 0) }
  t.same(new RowMatcher(parseLogQuery('{app="x"} |= "error"'), testClock).rows(block, all), [2, 3])
})
