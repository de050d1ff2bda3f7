// The store answers as a Loki 3.7.6 did (conformance/store/README.md).

import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { t as root, test } from 'tap'
import { startStore } from './harness.ts'
import { judgeRecorded, namedDifferences, recordedConfig, runRecorded } from './recorded-cases.ts'
import { rootDir } from './skald-process.ts'

root.setTimeout(180_000)

// Compacted, so that every block has a filter. `.ci/run` asks the same of fresh segments, without filters.
test('recorded requests get the answers of Loki 3.7.6 from compacted segments', async t => {
  const dir = t.testdir()
  const store = await startStore(t, { dir, config: recordedConfig })
  const url = ['--url', store.url]
  const first = await runRecorded({ runner: 'store', args: [...url, '--push', '--flush'], dir })
  t.ok(first.length >= 1900, `${first.length} requests`)
  judgeRecorded(t, first)

  const cases = join(rootDir, 'conformance/store/cases-next')
  const next = await runRecorded({ runner: 'store', args: [...url, '--cases', cases], dir })
  t.ok(next.length >= 240, `${next.length} more requests`)
  judgeRecorded(t, next)

  const metrics = await (await fetch(`${store.url}/metrics`)).text()
  const left = /^skald_query_blocks_total\{outcome="filtered"\} (\d+)$/m.exec(metrics)
  t.ok(Number(left?.[1]) > 0, 'blocks that were left out by their filters')
})

test('each named difference is a recorded case', async t => {
  const recorded = new Set(
    ['store/cases', 'store/cases-next', 'agent/cases', 'agent'].flatMap(idsOf),
  )
  const named = [...namedDifferences()].filter(id => id !== 'file :: name')
  t.ok(named.length >= 10)
  for (const id of named) t.ok(recorded.has(id), id)
})

function idsOf(folder: string): string[] {
  const dir = join(rootDir, 'conformance', folder)
  const files = readdirSync(dir).filter(name => name.endsWith('.json'))
  return files.flatMap(file => {
    const cases = JSON.parse(readFileSync(join(dir, file), 'utf8')) as { name: string }[]
    return cases.map(({ name }) => `${basename(file, '.json')} :: ${name}`)
  })
}
