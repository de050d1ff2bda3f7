// Runs cases: puts them together into agent processes, starts each on one configuration, and collects what arrives.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  asList,
  givePort,
  sleep,
  startAgent,
  startReceiver,
  stopAgent,
  tail,
  takePort,
} from './agent-process.mjs'
import { runSteps, writeFiles } from './case-steps.mjs'
import { canonical, normaliseEntry, parseMetrics, short } from './compare.mjs'
import { expandEntries } from './file-content.mjs'
import { decodePush, parseLabels, snappyDecode } from './push-decoding.mjs'

const indent = (text, n) =>
  text
    .replace(/\s+$/, '')
    .split('\n')
    .map(l => (l ? ' '.repeat(n) + l : l))
    .join('\n')

function configText(p) {
  const a = p.agent
  const jobs = p.cases.flatMap(k =>
    asList(k.case.config).map(
      (text, i) => `  - job_name: ${k.id}-${i}\n${indent(k.fill(text), 4)}`,
    ),
  )
  if (a.sentinel !== false)
    jobs.unshift(
      `  - job_name: sentinel\n    static_configs:\n      - targets: [localhost]\n        labels:\n          __path__: ${p.dir}/sentinel/*.log`,
    )
  return [
    'server:',
    '  http_listen_address: 127.0.0.1',
    `  http_listen_port: ${p.httpPort}`,
    '  grpc_listen_address: 127.0.0.1',
    `  grpc_listen_port: ${p.grpcPort}`,
    'positions:',
    `  filename: ${p.dir}/positions.yaml`,
    ...(a.positions ? [indent(a.positions, 2)] : []),
    'clients:',
    `  - url: http://127.0.0.1:${p.receiver.port}/${p.id}/loki/api/v1/push`,
    '    batchwait: 100ms',
    ...(a.client ? [indent(a.client, 4)] : []),
    ...(a.top ? [a.top.replace(/\s+$/, '')] : []),
    'scrape_configs:',
    ...jobs,
    '',
  ].join('\n')
}
async function readMetrics(p) {
  let text
  for (let i = 0; i < 2; i++) {
    // idle series leave with the scrape after the one that saw them idle
    try {
      const res = await fetch(`http://127.0.0.1:${p.httpPort}/metrics`, {
        signal: AbortSignal.timeout(10000),
      })
      text = res.status === 200 ? await res.text() : undefined
    } catch {
      text = undefined
    }
    if (i === 0) await sleep(100)
  }
  return text
}

let processCount = 0

/** Runs cases in one agent process. Returns {crashed, output, cases: [{case, entries, metrics, requests, notes, problem}]}. */
async function runProcess(cases, options, receiver) {
  const id = `p${++processCount}`
  const dir = join(options.tmp, id)
  mkdirSync(dir, { recursive: true })
  const p = {
    id,
    dir,
    receiver,
    options,
    agent: cases[0].agent ?? {},
    respond: 204,
    refusals: 0,
    lastEntryAt: 0,
    sentinel: false,
    bad: [],
    requests: [],
    abandoned: false,
    restarting: false,
  }
  p.httpPort = await takePort(options.ports)
  p.grpcPort = await takePort(options.ports)
  p.cases = cases.map((c, i) => {
    const k = {
      case: c,
      id: `${id}c${i + 1}`,
      dir: join(dir, `${id}c${i + 1}`),
      raw: [],
      notes: [],
      stepsDone: false,
    }
    k.fill = s =>
      s
        .replaceAll('{{DIR}}', k.dir)
        .replaceAll('{{CASE}}', k.id)
        .replaceAll('{{URL}}', `http://127.0.0.1:${receiver.port}/${id}`)
    k.undo = s => s.replaceAll(k.dir, '{{DIR}}').replaceAll(k.id, '{{CASE}}')
    // Counted in bytes of the text as it was recorded, so that its length does not matter.
    k.expected = options.record
      ? null
      : Math.min(
          ...(c.expect.alternatives ?? [c.expect.entries ?? []]).map(l => expandEntries(l).length),
        )
    return k
  })
  const startNs = BigInt(Date.now() - 5000) * 1000000n

  const ownerOf = labels => {
    const values = Object.values(labels)
    for (const k of p.cases)
      if (values.some(v => v === k.id || v.startsWith(`${k.dir}/`) || v === k.dir)) return k
    return p.cases.length === 1 ? p.cases[0] : undefined
  }
  receiver.sinks.set(id, {
    status: () => p.respond,
    refused: () => {
      p.refusals++
    },
    bad: why => {
      p.bad.push(why)
    },
    push: (streams, req) => {
      const tenant = req.headers['x-scope-orgid']
      p.requests.push({ headers: req.headers })
      for (const s of streams) {
        const labels = parseLabels(s.labels)
        if (Object.values(labels).some(v => v.startsWith(join(dir, 'sentinel')))) {
          p.sentinel = true
          continue
        }
        const owner = ownerOf(labels)
        if (!owner) {
          p.bad.push(`stream ${s.labels} belongs to no case`)
          continue
        }
        for (const e of s.entries) owner.raw.push({ ...e, labels, tenant, labelText: s.labels })
        p.lastEntryAt = Date.now()
      }
    },
  })

  mkdirSync(join(dir, 'sentinel'))
  writeFileSync(join(dir, 'sentinel', 's.log'), 'sentinel\n')
  const positions = []
  for (const k of p.cases) {
    mkdirSync(k.dir)
    writeFiles(k)
    for (const [path, value] of Object.entries(k.case.positions ?? {}))
      positions.push(`  ${JSON.stringify(join(k.dir, path))}: ${JSON.stringify(value)}`)
  }
  if (positions.length)
    writeFileSync(join(dir, 'positions.yaml'), `positions:\n${positions.join('\n')}\n`)
  const configFile = join(dir, 'config.yaml')
  writeFileSync(configFile, configText(p))
  const outFile = join(dir, 'output.txt')
  const args = asList(p.agent.args).map(a => p.cases[0].fill(a))
  p.start = () => {
    p.process = startAgent(options.agent, configFile, outFile, args, p.agent.env, dir)
  }
  const exited = () => p.process.exit && !p.restarting
  // The agent reads: the line of the sentinel file or any other arrives.
  p.isReading = async () => {
    const before = p.lastEntryAt
    for (const end = Date.now() + options.startMs; Date.now() < end && !exited(); await sleep(20))
      if (p.sentinel || p.lastEntryAt !== before) return
    p.deaf = true
  }
  p.start()
  // 1. It reads.
  await p.isReading()
  p.lastEntryAt = Math.max(p.lastEntryAt, Date.now())
  // 2. Steps, all cases at once.
  const stepping = p.cases.map(k =>
    runSteps(p, k, k.case.steps ?? [])
      .catch(e => {
        k.notes.push(`step failed: ${e.message}`)
      })
      .then(() => {
        k.stepsDone = true
        if (k.case.steps) p.lastEntryAt = Math.max(p.lastEntryAt, Date.now())
      }),
  )
  // 3. Until everything expected is here and it has been quiet, or nothing more comes.
  const quietMs = Math.max(options.quietMs, ...p.cases.map(k => k.case.settleMs ?? 0))
  const idleMs = Math.max(options.idleMs, quietMs)
  while (!exited() && !p.deaf) {
    const quiet = Date.now() - p.lastEntryAt
    const stepsDone = p.cases.every(k => k.stepsDone)
    if (
      stepsDone &&
      quiet > quietMs &&
      p.cases.every(k => k.expected === null || k.raw.length >= k.expected)
    )
      break
    if (stepsDone && quiet > idleMs) break
    await sleep(25)
  }
  const crashed = exited() ? { ...p.process.exit } : undefined
  p.abandoned = true
  await Promise.all(stepping)
  // 4. Metrics, then stop; what a stopping agent still sends counts.
  let metrics
  if (!crashed && p.cases.some(k => k.case.expect?.metrics || k.case.metricNames)) {
    await sleep(Math.max(0, ...p.cases.map(k => k.case.metricsAfterMs ?? 0)))
    metrics = await readMetrics(p)
  }
  const stopped = await stopAgent(p.process)
  await sleep(50)
  receiver.sinks.delete(id)
  givePort(p.httpPort)
  givePort(p.grpcPort)
  const now = [startNs, BigInt(Date.now() + 5000) * 1000000n]
  const output = tail(outFile)
  const results = p.cases.map(k => {
    let problem
    if (p.deaf) problem = `the agent sent nothing within ${options.startMs / 1000} s`
    if (crashed)
      problem = `the agent exited by itself (${crashed.signal ?? `code ${crashed.code}`}): ${short(output.split('\n').slice(-3).join(' | '), 500)}`
    if (!stopped) k.notes.push('did not stop within 20 s of SIGTERM and was killed')
    return {
      case: k.case,
      problem,
      notes: k.notes,
      requests: p.requests,
      bad: p.bad,
      entries: k.raw.map(r => normaliseEntry(r, k.undo, now)),
      labelTexts: [...new Set(k.raw.map(r => k.undo(r.labelText)))],
      rawMetadata: k.raw.map(r => r.metadata.length),
      metrics:
        metrics === undefined
          ? undefined
          : parseMetrics(metrics, s =>
              k.undo(s).replaceAll(`127.0.0.1:${receiver.port}`, '{{HOST}}'),
            ),
    }
  })
  if (!options.keep) rmSync(dir, { recursive: true, force: true })
  return { crashed, output, cases: results }
}

/** Cases that may share a process, in lists. */
function batches(cases, size) {
  const groups = new Map()
  cases.forEach((c, i) => {
    const alone = c.solo || (c.steps ?? []).some(s => 'restart' in s || 'respond' in s)
    const key = alone ? `alone ${i}` : canonical(c.agent ?? {})
    if (!groups.has(key)) groups.set(key, [])
    groups.get(key).push(c)
  })
  const out = []
  for (const g of groups.values())
    for (let i = 0; i < g.length; i += size) out.push(g.slice(i, i + size))
  return out.sort((a, b) => (b.some(c => c.steps) ? 1 : 0) - (a.some(c => c.steps) ? 1 : 0))
}

/** Runs all cases; `each(result)` is called for every case once. A batch whose process dies is halved until the culprit is alone. */
export async function runCases(cases, options, each) {
  const receiver = await startReceiver(
    options.ports ? await takePort(options.ports) : 0,
    options.decode ?? (b => decodePush(snappyDecode(b))),
  )
  const queue = batches(cases, options.batch)
  const worker = async () => {
    for (let b = queue.shift(); b; b = queue.shift()) {
      let r
      try {
        r = await runProcess(b, options, receiver)
      } catch (e) {
        r = {
          cases: b.map(c => ({
            case: c,
            entries: [],
            requests: [],
            notes: [],
            bad: [],
            problem: `runner: ${e.stack}`,
          })),
        }
      }
      if (r.crashed && b.length > 1) {
        const h = Math.ceil(b.length / 2)
        queue.unshift(b.slice(0, h), b.slice(h))
      } else r.cases.forEach(each)
    }
  }
  const count = Math.min(
    options.jobs,
    options.ports ? Math.floor((options.ports[1] - options.ports[0]) / 2) : options.jobs,
  )
  await Promise.all(Array.from({ length: Math.max(1, count) }, worker))
  await receiver.close()
  if (options.ports) givePort(receiver.port)
}
