#!/usr/bin/env node
// Sends recorded requests to a server and compares the answers with those of Loki 3.7.6.
// No dependencies, Node 20 or newer. See README.md.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { readArguments } from '../arguments.mjs'
import { compare } from './compare.mjs'
import { flush, push, waitVisible } from './dataset.mjs'
import { buildRequest, send } from './requests.mjs'

const here = dirname(fileURLToPath(import.meta.url))

function args(argv) {
  const o = readArguments(argv, {
    flags: ['push', 'push-only', 'flush', 'verbose', 'strict-errors', 'skip-fresh', 'help'],
    values: ['url', 'cases', 'dataset', 'only', 'json', 'concurrency', 'timeout', 'skip-needs'],
    defaults: {
      url: 'http://127.0.0.1:3100',
      cases: join(here, 'cases'),
      dataset: join(here, 'dataset.json'),
      concurrency: 2,
      timeout: 60000,
    },
  })
  o.concurrency = Math.max(1, Number(o.concurrency) || 1)
  o.timeout = Number(o.timeout) || 60000
  return o
}

const usage = `node run.mjs --url http://127.0.0.1:3100 [options]
  --push            push dataset.json first and wait until it can be read
  --push-only       push and stop
  --flush           after the push: POST /flush and wait until memory is empty (see README)
  --cases DIR       folder of case files (default: cases beside this file)
  --dataset FILE    data set (default: dataset.json beside this file)
  --skip-fresh      leave out cases that want a server just filled (see README)
  --skip-needs X    leave out cases that need X (see README)
  --only X          a file name (with or without .json) or a regular expression on "file/name"
  --json FILE       write all results as JSON
  --strict-errors   a different error text is a failure
  --concurrency N   requests at a time (default 2)
  --timeout MS      per request (default 60000)
  --verbose         print every case, and the request of each failing one`

function report({ row, c }, r, o, results) {
  results.push({ file: row.file, name: c.name, ...r })
  const say = (word, text) =>
    console.log(`${word} ${row.file} :: ${c.name}${text ? ` :: ${text}` : ''}`)
  if (r.ok) {
    row.passed++
    if (r.textDiff) row.text++
    if (o.verbose) say(r.textDiff ? 'TEXT' : 'ok  ', r.textDiff)
    return
  }
  row.failed++
  if (c.quirk) row.quirk++
  say('FAIL', r.diff + (c.quirk ? ` (known oddity: ${c.quirk})` : ''))
  if (o.verbose) {
    const { url, init } = buildRequest(o.url, c)
    const q = c.params?.query ?? c.form?.query
    console.log(`     ${init.method} ${url.slice(0, 1500)}${q ? `\n     query: ${q}` : ''}`)
  }
}

async function main() {
  let o
  try {
    o = args(process.argv.slice(2))
  } catch (e) {
    console.error(`${e.message}\n${usage}`)
    process.exit(2)
  }
  if (o.help) {
    console.log(usage)
    return
  }
  if (o.push || o['push-only']) {
    const dataset = JSON.parse(readFileSync(o.dataset, 'utf8'))
    await push(o.url, dataset, m => console.log(m))
    if (o.flush) await flush(o.url)
    await waitVisible(o.url, dataset)
    await sleep(3000) // patterns are gathered in the background
  }
  if (o['push-only']) return
  const files = readdirSync(o.cases)
    .filter(f => f.endsWith('.json'))
    .sort((a, b) => (a === 'push-errors.json') - (b === 'push-errors.json') || (a < b ? -1 : 1))
  const stem = o.only?.replace(/\.json$/, '')
  const exact = files.some(f => f === `${stem}.json`)
  const rx = o.only && !exact ? new RegExp(o.only) : null
  const table = []
  const results = []
  const todo = []
  for (const f of files) {
    const file = f.slice(0, -5)
    if (exact && file !== stem) continue
    const cases = JSON.parse(readFileSync(join(o.cases, f), 'utf8')).filter(
      c =>
        (!rx || rx.test(`${file}/${c.name}`)) &&
        !(o['skip-needs'] && c.needs === o['skip-needs']) &&
        !(o['skip-fresh'] && c.when === 'fresh'),
    )
    if (!cases.length) continue
    const row = { file, passed: 0, failed: 0, quirk: 0, text: 0 }
    table.push(row)
    for (const c of cases) todo.push({ row, c })
  }
  const runAll = async list => {
    const done = new Array(list.length)
    let next = 0
    let shown = 0
    const show = () => {
      for (; shown < list.length && done[shown]; shown++)
        report(list[shown], done[shown], o, results)
    }
    const worker = async () => {
      for (let i = next++; i < list.length; i = next++) {
        const { c } = list[i]
        let r
        try {
          r = compare(c, await send(o.url, c, o.timeout))
        } catch (e) {
          r = { ok: false, diff: `request failed: ${e.cause?.message ?? e.message}` }
        }
        if (r.ok && r.textDiff && o['strict-errors']) r = { ok: false, diff: r.textDiff }
        done[i] = r
        show()
      }
    }
    await Promise.all(Array.from({ length: o.concurrency }, worker))
  }
  await runAll(todo)
  const sum = { passed: 0, failed: 0, quirk: 0, text: 0 }
  for (const r of table) for (const k of Object.keys(sum)) sum[k] += r[k]
  const w = Math.max(4, ...table.map(r => r.file.length))
  const line = (a, b, c, d, e) =>
    console.log(
      `${String(a).padEnd(w)}  ${String(b).padStart(6)}  ${String(c).padStart(6)}  ${String(d).padStart(10)}  ${String(e).padStart(12)}`,
    )
  console.log('')
  line('file', 'passed', 'failed', 'of it odd', 'text differs')
  for (const r of table) line(r.file, r.passed, r.failed, r.quirk, r.text)
  line('all', sum.passed, sum.failed, sum.quirk, sum.text)
  if (o.json)
    writeFileSync(
      o.json,
      JSON.stringify({ url: o.url, summary: sum, files: table, results }, null, 1),
    )
  console.log(`${sum.passed} passed, ${sum.failed} failed`)
  process.exitCode = sum.failed ? 1 : 0
}

if (process.argv[1] && import.meta.url === pathToFileURL(resolve(process.argv[1])).href) {
  main().catch(e => {
    console.error(e.message)
    process.exit(1)
  })
}
