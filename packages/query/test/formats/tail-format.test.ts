import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { formatDroppedEntry, formatTailEntry, formatTailFrame } from '../../src/index.ts'

const entry = {
  timestampNs: 1_700_000_000_123_456_789n,
  line: 'a "line"\ud800',
  labels: {
    stream: createLabelSet({ app: 'x' }),
    metadata: createLabelSet({ trace: 'abc' }),
    parsed: createLabelSet({ n: '1' }),
  },
}

test('A frame holds each entry as a stream of its own', async t => {
  const union = formatTailEntry(entry, 'union')
  t.same(JSON.parse(formatTailFrame([union, union], [], { form: 'union' })), {
    streams: Array.from({ length: 2 }, () => ({
      stream: { app: 'x', n: '1', trace: 'abc' },
      values: [['1700000000123456789', 'a "line"\ufffd']],
    })),
  })
})

test('A frame tells categories apart and names its flags', async t => {
  const form = 'categorized'
  const frame = formatTailFrame([formatTailEntry(entry, form)], [], {
    form,
    encodingFlags: ['categorize-labels'],
  })
  t.same(JSON.parse(frame), {
    streams: [
      {
        stream: { app: 'x' },
        values: [
          [
            '1700000000123456789',
            'a "line"\ufffd',
            { structuredMetadata: { trace: 'abc' }, parsed: { n: '1' } },
          ],
        ],
      },
    ],
    encodingFlags: ['categorize-labels'],
  })
})

test('A frame tells what was dropped', async t => {
  const dropped = formatDroppedEntry(formatTailEntry(entry, 'union'), 'union')
  t.same(JSON.parse(formatTailFrame([], [dropped], { form: 'union' })), {
    streams: [],
    dropped_entries: [
      { timestamp: '1700000000123456789', labels: { app: 'x', n: '1', trace: 'abc' } },
    ],
  })
})

test('A frame of the older path has label texts and RFC 3339 times', async t => {
  const form = 'legacy'
  const text = formatTailEntry(entry, form)
  const frame = formatTailFrame([text], [formatDroppedEntry(text, form)], { form })
  const labels = '{app="x", n="1", trace="abc"}'
  t.same(JSON.parse(frame), {
    streams: [
      { labels, entries: [{ ts: '2023-11-14T22:13:20.123456789Z', line: 'a "line"\ufffd' }] },
    ],
    dropped_entries: [{ timestamp: '2023-11-14T22:13:20.123456789Z', labels }],
  })
})
