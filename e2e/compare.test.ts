// Random queries with answers recorded from Loki 3.7.6 (compare/README.md). The store must return
// the same.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { t as root, test } from 'tap'
import { type Answer, ask, difference } from '../compare/answers.ts'
import { createData } from '../compare/data.ts'
import { explanations } from '../compare/explained.ts'
import type { CompareQuery } from '../compare/queries.ts'
import {
  askCase,
  loadScripts,
  scriptDifference,
  scriptLimits,
  tenantsOf,
} from '../compare/script-answers.ts'
import { readScripts } from '../compare/scripts.ts'
import { load, startSkald } from '../compare/servers.ts'
import { rootDir } from './skald-process.ts'

root.setTimeout(170_000)

interface Recording {
  readonly seed: number
  readonly answers: readonly { readonly query: CompareQuery; readonly wanted: Answer }[]
}

test('random queries get the answers of Loki 3.7.6', async t => {
  const packed = readFileSync(join(rootDir, 'compare/recorded.json.gz'))
  const { seed, answers } = JSON.parse(gunzipSync(packed).toString('utf8')) as Recording
  t.ok(answers.length >= 500, `${answers.length} queries`)
  t.ok(answers.filter(({ wanted }) => wanted.status === 200).length > answers.length / 2)
  const workDir = mkdtempSync(join(tmpdir(), 'skald-compare-test-'))
  const store = await startSkald(workDir)
  t.teardown(async () => {
    await store.stop()
    rmSync(workDir, { recursive: true })
  })
  await load(store, createData(seed))
  for (const { query, wanted } of answers) {
    const differs = difference(wanted, await ask(store.url, query))
    t.equal(differs, undefined, query.logql)
  }
})

test('query scripts get the same answers over HTTP as from memory', async t => {
  const cases = readScripts()
  t.ok(cases.length >= 500, `${cases.length} cases`)
  const workDir = mkdtempSync(join(tmpdir(), 'skald-scripts-test-'))
  const store = await startSkald(workDir, { hasTenants: true, limits: scriptLimits })
  t.teardown(async () => {
    await store.stop()
    rmSync(workDir, { recursive: true })
  })
  const tenants = tenantsOf(cases)
  await loadScripts(store.url, tenants)
  for (const one of cases) {
    const lines = await askCase(store.url, one.query, tenants.get(one.streams)!)
    t.equal(scriptDifference(one, lines), undefined, `${one.file}:${one.lineNumber}: ${one.title}`)
  }
})

test('each script case that Loki answers differently is documented', async t => {
  const page = readFileSync(join(rootDir, 'docs/differences.md'), 'utf8')
  const marked = readScripts().filter(({ lokiDiffers }) => lokiDiffers !== undefined)
  t.ok(marked.length >= 10)
  for (const { lokiDiffers, file, lineNumber } of marked) {
    t.match(page, `| ${lokiDiffers!.replaceAll('|', '\\|')} |`, `${file}:${lineNumber}`)
  }
})

test('each explained difference is documented', async t => {
  const page = readFileSync(join(rootDir, 'docs/differences.md'), 'utf8')
  for (const { name } of explanations) t.ok(page.includes(name), name)
  t.equal(new Set(explanations.map(({ name }) => name)).size, explanations.length)
})
