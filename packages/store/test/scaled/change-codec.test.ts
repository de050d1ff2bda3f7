import { createLabelSet, formatLabelSet } from '@skald/wire'
import { test } from 'tap'
import type { CatalogChange } from '../../src/catalog/catalog-changes.ts'
import { decodeChange, encodeChange } from '../../src/scaled/change-codec.ts'

const labels = createLabelSet({ app: 'x', odd: 'a "quoted" \u0000 text ☃' })

test('changes are the same after they were JSON', async t => {
  const changes: CatalogChange[] = [
    {
      kind: 'segments',
      added: [
        {
          ...{ name: '1000000000000001-0.seg', level: 0, sequence: 7, version: 2, sizeBytes: 99 },
          parts: [
            {
              ...{ tenant: 'a', day: 20_000, minNs: 1n, maxNs: 9_223_372_036_854_775_807n },
              ...{ rowCount: 3, lineBytes: 10 },
              streams: [{ labelsText: formatLabelSet(labels), labels, minNs: -5n, maxNs: 60n }],
            },
          ],
        },
      ],
      removed: ['a', 'b'],
    },
    { kind: 'expired', tenant: 'a', day: 3, removed: [] },
    { kind: 'retained', tenant: 'a', day: 3, segments: ['s'], labelsTexts: ['{a="b"}'] },
    { kind: 'delete-removed', tenant: 'a', id: 'x' },
  ]
  for (const change of changes) {
    t.same(decodeChange(JSON.parse(encodeChange(change))), change, change.kind)
  }
})
