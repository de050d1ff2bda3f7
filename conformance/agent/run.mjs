#!/usr/bin/env node
// Starts an agent on recorded configurations and files, and compares what it pushes with what Promtail 3.4.6 pushed.
// No dependencies, Node 20 or newer. See README.md.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { readArguments } from '../arguments.mjs'
import { judge, short } from './compare.mjs'
import { judgeConfig, tryConfig } from './config-errors.mjs'
import { runCases } from './run-cases.mjs'

const here = dirname(fileURLToPath(import.meta.url))

const usage = `node run.mjs [options]
  --agent CMD       command line of the agent; {{CONFIG}} is the configuration file
                    (default: skald agent -config.file={{CONFIG}} -limit.gap-markers=false)
  --cases DIR       folder of case files (default: cases beside this file, and config-errors.json beside this file)
  --only X          a file name (with or without .json) or a regular expression on "file/name"
  --skip-better     leave out cases where the expected result is better than Promtail's own
  --lines           every refusal must say the line of the mistake
  --verbose         print every case; of a failing one also what arrived
  --json FILE       write all results as JSON
  --jobs N          agent processes at a time (default 4)
  --batch N         cases in one process at most (default 60)
  --idle MS         give up when nothing arrived for so long (default 8000)
  --start MS        time an agent has to start reading (default 30000)
  --ports A-B       use only these loopback ports (needs 3 or more)
  --tmp DIR         where to put files (default: the system's)
  --keep            leave the files there`

function parseArgs(argv) {
  const o = readArguments(argv, {
    flags: ['verbose', 'skip-better', 'lines', 'keep', 'help'],
    values: [
      'agent',
      'cases',
      'only',
      'json',
      'jobs',
      'batch',
      'quiet',
      'idle',
      'start',
      'ports',
      'tmp',
    ],
    defaults: {
      agent: 'skald agent -config.file={{CONFIG}} -limit.gap-markers=false',
      jobs: 4,
      batch: 60,
      quiet: 1000,
      idle: 8000,
      start: 30000,
    },
  })
  for (const k of ['jobs', 'batch', 'quiet', 'idle', 'start']) {
    o[k] = Number(o[k])
    if (!(o[k] > 0)) throw new Error(`--${k} needs a number`)
  }
  if (o.ports) {
    const m = /^(\d+)-(\d+)$/.exec(o.ports)
    if (!m || m[2] - m[1] < 2) throw new Error('--ports needs A-B with three ports or more')
    o.ports = [Number(m[1]), Number(m[2])]
  }
  return o
}

/** Options of runCases and tryConfig with their defaults. */
export function runOptions(o) {
  const base = o.tmp ? resolve(o.tmp) : realpathSync(tmpdir())
  mkdirSync(base, { recursive: true })
  const tmp = mkdtempSync(join(base, 'agent-conformance-'))
  if (!o.keep) process.once('exit', () => rmSync(tmp, { recursive: true, force: true }))
  return {
    agent: o.agent,
    jobs: o.jobs ?? 4,
    batch: o.batch ?? 60,
    quietMs: o.quiet ?? 1000,
    idleMs: o.idle ?? 8000,
    startMs: o.start ?? 30000,
    awaitMs: o.awaitMs ?? 20000,
    ports: o.ports,
    keep: !!o.keep,
    record: !!o.record,
    decode: o.decode,
    tmp,
  }
}

function loadFiles(o) {
  const folder = o.cases ? resolve(o.cases) : join(here, 'cases')
  const paths = readdirSync(folder)
    .filter(f => f.endsWith('.json'))
    .sort()
    .map(f => join(folder, f))
  if (!o.cases && existsSync(join(here, 'config-errors.json')))
    paths.push(join(here, 'config-errors.json'))
  return paths.map(path => ({
    file: basename(path, '.json'),
    cases: JSON.parse(readFileSync(path, 'utf8')),
  }))
}

async function main() {
  let o
  try {
    o = parseArgs(process.argv.slice(2))
  } catch (e) {
    console.error(`${e.message}\n${usage}`)
    process.exit(2)
  }
  if (o.help) {
    console.log(usage)
    return
  }
  const files = loadFiles(o)
  const stem = o.only?.replace(/\.json$/, '')
  const exact = files.some(f => f.file === stem)
  const rx = o.only && !exact ? new RegExp(o.only) : null
  const rows = new Map()
  const owners = new Map()
  const results = []
  for (const f of files) {
    if (exact && f.file !== stem) continue
    const cases = f.cases.filter(
      c => (!rx || rx.test(`${f.file}/${c.name}`)) && !(o['skip-better'] && c.better),
    )
    if (!cases.length) continue
    rows.set(f.file, { file: f.file, cases, passed: 0, failed: 0 })
    for (const c of cases) owners.set(c, f.file)
  }
  const options = runOptions(o)
  const report = (c, diff, detail) => {
    const row = rows.get(owners.get(c))
    results.push({ file: row.file, name: c.name, ok: diff === undefined, diff, better: c.better })
    if (diff === undefined) row.passed++
    else row.failed++
    if (diff !== undefined || o.verbose)
      console.log(
        `${diff === undefined ? 'ok  ' : 'FAIL'} ${row.file} :: ${c.name}${diff === undefined ? '' : ` :: ${diff}`}`,
      )
    if (diff !== undefined && o.verbose) {
      if (c.better) console.log(`     better than the original: ${c.better}`)
      if (detail) console.log(detail)
    }
  }
  const all = [...rows.values()].flatMap(r => r.cases)
  const bad = new Set()
  await runCases(
    all.filter(c => c.expect.refused === undefined),
    options,
    r => {
      for (const b of r.bad) bad.add(b)
      report(
        r.case,
        judge(r.case, r),
        [
          ...r.notes.map(n => `     ${n}`),
          ...r.entries.slice(0, 20).map(e => `     got ${short(e, 400)}`),
        ].join('\n'),
      )
    },
  )
  const configs = all.filter(c => c.expect.refused !== undefined)
  await Promise.all(
    Array.from(
      {
        length: Math.min(
          options.jobs,
          o.ports ? Math.floor((o.ports[1] - o.ports[0] + 1) / 2) : options.jobs,
        ),
      },
      async () => {
        for (let c = configs.shift(); c; c = configs.shift()) {
          let got
          let diff
          try {
            got = await tryConfig(c, options)
            diff = judgeConfig(c, got, o.lines)
          } catch (e) {
            diff = `runner: ${e.message}`
          }
          report(c, diff, got && `     output: ${short(got.output, 800)}`)
        }
      },
    ),
  )
  if (bad.size)
    console.log(`${bad.size} kinds of pushes were not understood, the first: ${short([...bad][0])}`)
  if (o.keep) console.log(`files are in ${options.tmp}`)
  const table = [...rows.values()]
  const sum = {
    passed: table.reduce((s, r) => s + r.passed, 0),
    failed: table.reduce((s, r) => s + r.failed, 0),
  }
  const w = Math.max(4, ...table.map(r => r.file.length))
  const line = (a, b, c) =>
    console.log(`${String(a).padEnd(w)}  ${String(b).padStart(6)}  ${String(c).padStart(6)}`)
  console.log('')
  line('file', 'passed', 'failed')
  for (const r of table) line(r.file, r.passed, r.failed)
  line('all', sum.passed, sum.failed)
  if (o.json)
    writeFileSync(
      o.json,
      JSON.stringify(
        { agent: o.agent, summary: sum, files: table.map(({ cases, ...r }) => r), results },
        null,
        1,
      ),
    )
  console.log(`${sum.passed} passed, ${sum.failed} failed`)
  process.exitCode = sum.failed ? 1 : 0
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href)
  await main()
