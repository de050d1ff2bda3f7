// Each row of the tables of stages and aggregations has a query script that uses it.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { rangeDefinitions } from '../src/aggregation/range-table.ts'
import { vectorDefinitions } from '../src/aggregation/vector-table.ts'
import { stageDefinitions } from '../src/stages/stage-table.ts'
import { parseLogql } from '../src/syntax/parser.ts'
import { visitExprs } from '../src/syntax-tree/visit.ts'
import { parseScript } from './query-script.ts'

/** Returns the rows that no query uses. */
function unusedRows(queries: readonly string[]): string[] {
  const used = new Set<string>()
  for (const query of queries) {
    visitExprs(parseLogql(query), expr => {
      if (expr.kind === 'log') for (const { kind } of expr.stages) used.add(`stage ${kind}`)
      if (expr.kind === 'range') used.add(`range ${expr.op}`)
      if (expr.kind === 'aggregation') used.add(`vector ${expr.op}`)
    })
  }
  const rows = [
    ...stageDefinitions.map(({ kind }) => `stage ${kind}`),
    ...rangeDefinitions.map(({ op }) => `range ${op}`),
    ...vectorDefinitions.map(({ op }) => `vector ${op}`),
  ]
  return rows.filter(row => !used.has(row))
}

const folder = join(import.meta.dirname, 'scripts')
// A query that fails shows nothing of a row.
const queries = readdirSync(folder)
  .filter(name => name.endsWith('.test'))
  .flatMap(name => parseScript(readFileSync(join(folder, name), 'utf8')))
  .filter(({ query }) => query.kind !== 'fail')
  .map(({ query }) => query.logql)

test('Each stage and aggregation has a query script', async t => {
  t.same(unusedRows(queries), [])
})

test('A row without a query script is found', async t => {
  const without = (text: string) => unusedRows(queries.filter(query => !query.includes(text)))
  t.same(without('unpack'), ['stage unpack'])
  t.same(without('stdvar_over_time'), ['range stdvar_over_time'])
  t.same(without('bottomk'), ['vector bottomk'])
})
