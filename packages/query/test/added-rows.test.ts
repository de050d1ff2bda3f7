// A new stage, range aggregation or vector aggregation is one file and one row. The test adds one of each to
// a copy of the package, and nothing else.

import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'

type Query = typeof import('../src/index.ts')
type Memory = typeof import('./memory-source.ts')

interface Addition {
  /** Path of the new file, below `src`. */
  readonly file: string
  readonly text: string
  /** The table, below `src`. */
  readonly table: string
  readonly name: string
}

/** Makes a package with the additions, and evaluates queries over three lines with it. */
async function withAdditions(t: Test, additions: readonly Addition[]) {
  const dir = t.testdir()
  const here = import.meta.dirname
  cpSync(join(here, '../src'), join(dir, 'src'), { recursive: true })
  cpSync(join(here, 'memory-source.ts'), join(dir, 'test/memory-source.ts'))
  for (const { file, text, table, name } of additions) {
    writeFileSync(join(dir, 'src', file), text)
    const path = join(dir, 'src', table)
    const before = readFileSync(path, 'utf8')
    const from = file.slice(file.indexOf('/') + 1)
    const after = before
      .replace('import ', `import { ${name} } from './${from}'\nimport `)
      .replace('const rows = [\n', `const rows = [\n  ${name},\n`)
    t.equal(after.split('\n').length, before.split('\n').length + 2, `two lines of ${table}`)
    writeFileSync(path, after)
  }
  const query = (await import(join(dir, 'src/index.ts'))) as Query
  const { createMemorySource } = (await import(join(dir, 'test/memory-source.ts'))) as Memory
  const source = createMemorySource([
    {
      labels: { app: 'x' },
      entries: ['one', 'two', 'six'].map((line, i) => ({ line, timestampNs: BigInt(i + 1) })),
    },
    { labels: { app: 'y' }, entries: [{ line: 'odd', timestampNs: 1n }] },
  ])
  const run = (logql: string, isInstant: boolean) =>
    query.runQuery(
      {
        logql,
        isInstant,
        startNs: 0n,
        endNs: 10n,
        stepNs: 0n,
        intervalNs: 0n,
        limit: 100,
        direction: 'forward',
        limits: query.defaultQueryLimits,
      },
      source,
      new AbortController().signal,
    )
  return { query, run }
}

test('A stage is one file and one row', async t => {
  const { query, run } = await withAdditions(t, [
    {
      file: 'stages/reverse.ts',
      table: 'stages/stage-table.ts',
      name: 'reverseStage',
      text: `
export const reverseStage = {
  kind: 'reverse',
  begins: ['reverse'],
  parse(reader) {
    reader.take()
    return { kind: 'reverse' }
  },
  format: () => '| reverse',
  compile: () => line => {
    line.text = [...line.text].reverse().join('')
    return true
  },
  changesLine: true,
}
`,
    },
  ])
  const logql = '{app="x"} | reverse |= "e"'
  t.equal(query.formatLogql(query.parseLogql('{app="x"}|reverse|="e"')), logql)
  const result = await run(logql, false)
  t.same(result.kind === 'streams' && result.entries.map(({ line }) => line), ['eno'])
  t.throws(() => query.parseLogql('{reverse="x"}'), /unexpected reverse/, 'it is a word now')
})

test('A range aggregation and a vector aggregation are one file and one row each', async t => {
  const { query, run } = await withAdditions(t, [
    {
      file: 'aggregation/range/present-over-time.ts',
      table: 'aggregation/range-table.ts',
      name: 'presentOverTime',
      text: `
const presence = { fold: 'count', value: 'one', isAdditive: false, result: () => 1 }
export const presentOverTime = {
  op: 'present_over_time',
  unwrap: 'never',
  functionFor: () => presence,
}
`,
    },
    {
      file: 'aggregation/vector/spread.ts',
      table: 'aggregation/vector-table.ts',
      name: 'spread',
      text: `
import { foldingGroups } from '../vector-groups.ts'
export const spread = {
  op: 'spread',
  evaluate: foldingGroups(values => Math.max(...values) - Math.min(...values)),
}
`,
    },
  ])
  const values = async (logql: string) => {
    const result = await run(logql, true)
    return result.kind === 'vector' && result.samples.map(({ value }) => value)
  }
  t.same(await values('present_over_time({app=~".+"}[1m])'), [1, 1])
  t.same(await values('spread by () (count_over_time({app=~".+"}[1m]))'), [2])
  const logql = 'spread by (app)(present_over_time({app="x"}[1m]))'
  t.equal(query.formatLogql(query.parseLogql(logql)), logql)
})
