// Checks that the search for metadata sets never leaves out a set that the filters would pass.

import { createMetadata } from '@skald/wire'
import fc from 'fast-check'
import { test } from 'tap'
import { tableOf } from '../../src/blocks/set-list.ts'
import { setsThatMeet } from '../../src/leaf/needed-sets.ts'
import { createLabelMap, createMetadataMap } from '../../src/pipeline/labels.ts'
import { Line } from '../../src/pipeline/line.ts'
import { compilePipeline } from '../../src/stages/compile.ts'
import { parseLogQuery } from '../../src/syntax/parser.ts'

const names = fc.constantFrom('id', 'pod', 'id_extracted', 'level')
const values = fc.constantFrom('1', '2', '12', 'x')
const conditions = fc.oneof(
  fc.tuple(names, values).map(([name, value]) => `${name}="${value}"`),
  fc.tuple(names, values).map(([name, value]) => `${name}!="${value}"`),
  fc.tuple(names, values, values).map(([name, a, b]) => `${name}=~"${a}|${b}"`),
  fc.tuple(names, values).map(([name, value]) => `${name}=~"${value}.*"`),
)
const filters = fc
  .array(fc.tuple(conditions, fc.constantFrom(' and ', ' or ', ' | ')), {
    minLength: 1,
    maxLength: 3,
  })
  .map(parts =>
    parts.map(([text, next], i) => (i + 1 < parts.length ? text + next : text)).join(''),
  )
const sets = fc.dictionary(names, values).map(pairs => createMetadata(Object.entries(pairs)))

test('sets that pass the filters meet what the filters need', async t => {
  let leftOut = 0
  fc.assert(
    fc.property(fc.array(sets), filters, fc.boolean(), (all, text, streamHasId) => {
      const stream = createLabelMap(createMetadata(streamHasId ? [['id', '1']] : [['app', 'a']]))
      const { setFilters, setNeed } = compilePipeline(parseLogQuery(`{app="a"} | ${text}`).stages)
      const marks =
        setNeed && setsThatMeet(setNeed, tableOf({ sets: all, rowSets: new Uint32Array() }), stream)
      const line = new Line()
      for (const [i, set] of all.entries()) {
        if (marks?.[i] === 0) leftOut++
        line.labels.reset(stream, createMetadataMap(set, stream))
        if (setFilters.every(run => run(line))) t.not(marks?.[i], 0, text)
      }
    }),
    { numRuns: 2000 },
  )
  t.ok(leftOut > 1000, 'most sets are left out')
})

test('a column with a table is searched without decoding its sets', async t => {
  const decoded = tableOf({ sets: [createMetadata([['id', '1']])], rowSets: new Uint32Array(1) })
  const column = {
    table: decoded,
    get sets(): never {
      throw new Error('all sets are decoded')
    },
    rowSets: new Uint32Array(1),
  }
  t.same([...tableOf(column).setsWith('id', '1')], [1])
})
