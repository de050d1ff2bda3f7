// `skald import` from one running store into another: every line once, however pages and windows
// are cut, across a stop in between, and with servers that are unavailable or busy. With a `loki`
// on the PATH, also from that.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createLabelSet, type Stream, snappyCompress } from '@skald/wire'
import { encodePushRequest } from '@skald/wire/push-codec'
import { t as root, test } from 'tap'
import { openLimits, startStore, type TestScope, type TestStore } from './harness.ts'
import { needsLoki, startLoki } from './loki-process.ts'
import { cleanEnv, skaldCommand } from './skald-process.ts'

root.setTimeout(170_000)
const run = promisify(execFile)
const nsPerMinute = 60_000_000_000n
const endNs = ((BigInt(Date.now()) * 1_000_000n) / nsPerMinute) * nsPerMinute
const startNs = endNs - 180n * nsPerMinute

/** Runs the command. `code` is its exit code. */
async function runImport(
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const printed = await run(skaldCommand, ['import', ...args], {
      env: { ...process.env, ...cleanEnv() },
    })
    return { code: 0, ...printed }
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string }
  }
}

const time = (ns: bigint) => new Date(Number(ns / 1_000_000n)).toISOString()

/** Builds 3,000 lines from three hours: streams without a common label, equal times, metadata. */
function sampleStreams(): Stream[] {
  const entries = (count: number, name: string, stepNs: bigint) =>
    Array.from({ length: count }, (_, i) => ({
      // Every 20 lines share a time, so that pages end within one.
      timestampNs: startNs + BigInt(Math.floor(i / 20)) * stepNs,
      line: `${name} line ${i} \u{1F4DC} "quoted" \\ \t`,
      ...(i % 3 === 0 ? { structuredMetadata: [{ name: 'trace_id', value: `t${i}` }] } : {}),
    }))
  return [
    {
      labels: createLabelSet({ namespace: 'shop', pod: 'a' }),
      entries: entries(1500, 'a', 2n * nsPerMinute),
    },
    {
      labels: createLabelSet({ job: 'varlogs' }),
      entries: entries(1000, 'b', 3n * nsPerMinute + 7n),
    },
    { labels: createLabelSet({ unit: 'ssh', quote: 'a"b\\c' }), entries: entries(500, 'c', 1n) },
  ]
}

async function allEntries(store: TestStore): Promise<string[]> {
  const found: string[] = []
  for (const selector of ['{namespace="shop"}', '{job="varlogs"}', '{unit="ssh"}']) {
    for await (const { labels, timestampNs, line } of store.entries(selector, startNs, endNs)) {
      found.push(`${timestampNs} ${JSON.stringify(labels)} ${line}`)
    }
  }
  return found
}

test('skald import copies every line once, with labels and metadata', async t => {
  const dir = t.testdir()
  const source = await startStore(t, { dir: join(dir, 'source'), config: openLimits })
  const target = await startStore(t, { dir: join(dir, 'target'), config: openLimits })
  t.equal((await source.push(sampleStreams())).status, 204)
  const expected = await allEntries(source)
  t.equal(expected.length, 3000)
  const state = join(dir, 'state.json')
  const span = [`--start=${time(startNs)}`, `--end=${time(endNs)}`]
  const args = [
    `--from=${source.url}`,
    `--to=${target.url}`,
    `--state=${state}`,
    '--page=70',
    ...span,
  ]
  const { code, stdout, stderr } = await runImport(...args)
  t.equal(code, 0, stderr)
  t.match(stdout, `3000 entries of ${time(startNs).replace('.000', '')}`)
  t.same(await allEntries(target), expected)

  await t.test('a second run has nothing left to do', async t => {
    const again = await runImport(...args)
    t.match(again, { code: 0, stdout: /^3000 entries/ })
    t.match(again.stderr, 'Continuing at')
  })
  await t.test('a run from the start again counts nothing twice', async t => {
    const again = await runImport(...args, `--state=${join(dir, 'other.json')}`)
    t.match(again, { code: 0, stdout: /^3000 entries/ })
    t.same(await allEntries(target), expected)
  })
  await t.test('the state of another import is refused', async t => {
    const other = await runImport(...args, '--query={job="varlogs"}')
    t.match(other, { code: 1, stderr: /is of another import/ })
  })
  await t.test('--query imports only some streams', async t => {
    const some = await runImport(
      ...args,
      '--query={job="varlogs"}',
      `--state=${join(dir, 'some.json')}`,
    )
    t.match(some, { code: 0, stdout: /^1000 entries/ })
  })
  await t.test('more equal times than a page holds are reported, not skipped', async t => {
    const small = await runImport(...args, '--page=10', `--state=${join(dir, 'small.json')}`)
    t.match(small, { code: 1, stderr: /More than 10 entries have the time .*--page/ })
    t.notOk(existsSync(join(dir, 'small.json')), 'no window is done')
  })
})

test('a repeated import copies newer and late entries', async t => {
  const dir = t.testdir()
  const source = await startStore(t, { dir: join(dir, 'source'), config: openLimits })
  const target = await startStore(t, { dir: join(dir, 'target'), config: openLimits })
  const labels = createLabelSet({ job: 'varlogs' })
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const push = async (line: string, timestampNs: bigint) =>
    t.equal((await source.push([{ labels, entries: [{ timestampNs, line }] }])).status, 204)
  const args = [`--from=${source.url}`, `--to=${target.url}`, `--state=${join(dir, 'state.json')}`]
  args.push('--since=6h')
  await push('old', nowNs - 5n * 60n * nsPerMinute)
  await push('recent', nowNs - nsPerMinute)
  const first = await runImport(...args)
  t.match(first, { code: 0, stdout: /^2 entries/ })
  t.match(
    first.stderr,
    /: 1 entries, \d+ % of the time, (4h|5h)[\dms]* left"\n/,
    'it tells what is left',
  )

  await push('late', nowNs - 2n * nsPerMinute)
  await push('newer', BigInt(Date.now()) * 1_000_000n)
  t.match(await runImport(...args), { code: 0, stdout: /^4 entries/ })
  const lines: string[] = []
  const endNs = nowNs + 60n * nsPerMinute
  for await (const { line } of target.entries(
    '{job="varlogs"}',
    nowNs - 600n * nsPerMinute,
    endNs,
  )) {
    lines.push(line)
  }
  t.same(lines.sort(), ['late', 'newer', 'old', 'recent'])
})

/** A server in front of another one. `decide` may answer instead. */
async function startGate(
  t: TestScope,
  url: string,
  decide: (request: IncomingMessage) => number | undefined,
): Promise<string> {
  const server = createServer((request, response) => {
    const status = decide(request)
    if (status === undefined) void pass(request, response, url)
    else {
      response.statusCode = status
      response.end('not now')
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function pass(request: IncomingMessage, response: ServerResponse, url: string) {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { 'content-type': type = '', 'x-loki-response-encoding-flags': flags = '' } =
    request.headers
  const answer = await fetch(`${url}${request.url}`, {
    method: request.method!,
    headers: { 'content-type': type, 'x-loki-response-encoding-flags': String(flags) },
    ...(request.method === 'POST' ? { body: Buffer.concat(chunks) } : {}),
  })
  response.statusCode = answer.status
  response.end(Buffer.from(await answer.arrayBuffer()))
}

test('skald import continues after busy servers, and after it was stopped', async t => {
  const dir = t.testdir()
  const source = await startStore(t, { dir: join(dir, 'source'), config: openLimits })
  const target = await startStore(t, { dir: join(dir, 'target'), config: openLimits })
  t.equal((await source.push(sampleStreams())).status, 204)
  let reads = 0
  let pushes = 0
  let isShut = false
  const loginOf = (user: string) => `Basic ${Buffer.from(user).toString('base64')}`
  const busySource = await startGate(t, source.url, ({ headers }) => {
    if (headers.authorization !== loginOf('reader:p@ss')) return 401
    return ++reads % 4 === 0 ? 500 : undefined
  })
  const busyTarget = await startGate(t, target.url, ({ headers }) => {
    if (headers.authorization !== loginOf('writer:secret')) return 401
    pushes++
    // 401 is not retried: the import ends there, as if it had been stopped.
    if (pushes > 4 && !isShut) return 401
    return pushes % 3 === 0 ? 429 : undefined
  })
  const state = join(dir, 'state.json')
  const span = [`--start=${time(startNs)}`, `--end=${time(endNs)}`]
  const args = [`--to=${busyTarget}`, `--state=${state}`, '--page=500', ...span]
  const writer = '--to-user=writer:secret'
  const inUrl = `--from=${busySource.replace('//', '//reader:p%40ss@')}`
  const first = await runImport(inUrl, writer, ...args)
  t.match(first, {
    code: 1,
    stderr: /answered 401 to a push: not now; --to-tenant names a tenant, the URL a user/,
  })
  t.match(first.stderr, /answered 500: not now; trying again in 250ms/)
  isShut = true
  const noPassword = await runImport(`--from=${busySource}`, '--from-user=reader', writer, ...args)
  t.match(noPassword, { code: 2, stderr: /--from-user takes NAME:PASS/ })
  const second = await runImport(`--from=${busySource}`, '--from-user=reader:p@ss', writer, ...args)
  t.equal(second.code, 0, second.stderr)
  t.match(JSON.parse(readFileSync(state, 'utf8')), { from: busySource, doneNs: String(endNs) })
  t.same(await allEntries(target), await allEntries(source))
})

test('skald import continues after a kill', async t => {
  const dir = t.testdir()
  const source = await startStore(t, { dir: join(dir, 'source'), config: openLimits })
  const target = await startStore(t, { dir: join(dir, 'target'), config: openLimits })
  t.equal((await source.push(sampleStreams())).status, 204)
  let child: ChildProcess | undefined
  let pushes = 0
  const gate = await startGate(t, target.url, () => {
    // In the middle of the second of three hours.
    if (++pushes === 25) child?.kill('SIGKILL')
    return undefined
  })
  const state = join(dir, 'state.json')
  const span = [`--start=${time(startNs)}`, `--end=${time(endNs)}`]
  const args = [`--from=${source.url}`, `--to=${gate}`, `--state=${state}`, '--page=70', ...span]
  child = spawn(skaldCommand, ['import', ...args], { stdio: 'ignore', env: cleanEnv() })
  const [, signal] = await once(child, 'exit')
  t.equal(signal, 'SIGKILL')
  t.notOk((await allEntries(target)).length >= 3000, 'it was not done')
  const again = await runImport(...args)
  t.equal(again.code, 0, again.stderr)
  t.same(await allEntries(target), await allEntries(source))
})

/**
 * Returns a stream as both servers report it: labels and entries with their metadata, oldest first.
 */
async function entriesOf(url: string, selector: string): Promise<Record<string, string[]>> {
  const params = new URLSearchParams({
    query: selector,
    start: String(startNs),
    end: String(endNs),
    limit: '5000',
    direction: 'forward',
  })
  const response = await fetch(`${url}/loki/api/v1/query_range?${params}`, {
    headers: { 'X-Loki-Response-Encoding-Flags': 'categorize-labels' },
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${selector} was answered ${response.status}: ${text}`)
  const { result } = JSON.parse(text).data as {
    result: { stream: Record<string, string>; values: [string, string, Record<string, object>][] }[]
  }
  // Each server has its own order of equal times.
  return Object.fromEntries(
    result.map(({ stream, values }) => [
      sortedJson(stream),
      values
        .map(([ns, line, { structuredMetadata = {} }]) =>
          JSON.stringify([ns, line, sortedJson(structuredMetadata)]),
        )
        .sort(),
    ]),
  )
}

function sortedJson(labels: object): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * Streams that are hard to copy, and what Loki accepts of the others by default: two and a half
 * hours.
 */
function lokiStreams(): Stream[] {
  const timestampNs = endNs - nsPerMinute
  const odd = ['', 'two\nlines\r\n', 'a \0 within', '{"level":"error"}', 'x'.repeat(200_000)]
  const traces = ['1', '2', '3'].map(value => [{ name: 'trace_id', value }])
  return [
    ...sampleStreams().map(({ labels, entries }) => ({
      labels,
      entries: entries.flatMap(entry => {
        const moved = entry.timestampNs + 30n * nsPerMinute
        return moved < endNs ? [{ ...entry, timestampNs: moved }] : []
      }),
    })),
    { labels: createLabelSet({ case: 'odd' }), entries: odd.map(line => ({ timestampNs, line })) },
    {
      labels: createLabelSet({ case: 'names' }),
      entries: ['case', 'a_b', 'level', 'service_name'].map(name => ({
        timestampNs,
        line: name,
        structuredMetadata: [{ name, value: 'of the entry' }],
      })),
    },
    {
      labels: createLabelSet({ case: 'metadata' }),
      entries: traces.map(structuredMetadata => ({ timestampNs, line: 'a', structuredMetadata })),
    },
  ]
}

const lokiSelectors = [
  ...['{namespace="shop"}', '{job="varlogs"}', '{quote=~".+"}'],
  ...['{case="odd"}', '{case="names"}', '{case="metadata"}'],
]

test('skald import copies everything from a real Loki', needsLoki, async t => {
  const dir = t.testdir({ loki: {} })
  const loki = await startLoki(t, join(dir, 'loki'))
  const target = await startStore(t, { dir: join(dir, 'target'), config: openLimits })
  const pushed = await fetch(`${loki}/loki/api/v1/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: new Uint8Array(snappyCompress(encodePushRequest(lokiStreams()))),
  })
  t.equal(pushed.status, 204, await pushed.text())
  const ofLoki = await Promise.all(lokiSelectors.map(selector => entriesOf(loki, selector)))
  const count = ofLoki.flatMap(Object.values).flat().length
  t.ok(count > 2500, `${count} entries`)
  const args = [`--from=${loki}`, `--to=${target.url}`, '--page=1000']
  const span = [`--start=${time(startNs)}`, `--end=${time(endNs)}`]
  for (const state of ['once.json', 'again.json']) {
    const result = await runImport(...args, ...span, `--state=${join(dir, state)}`)
    t.match(result, { code: 0, stdout: `${count} entries of ` }, result.stderr)
    for (const [i, selector] of lokiSelectors.entries()) {
      t.same(await entriesOf(target.url, selector), ofLoki[i], selector)
    }
  }
})

test('entries that the target rejects are reported once and in the exit code', async t => {
  const dir = t.testdir()
  const source = await startStore(t, { dir: join(dir, 'source'), config: openLimits })
  const target = await startStore(t, {
    dir: join(dir, 'target'),
    config: 'limits_config: {reject_old_samples: true, reject_old_samples_max_age: 100m}\n',
  })
  t.equal((await source.push(sampleStreams())).status, 204)
  const span = [`--start=${time(startNs)}`, `--end=${time(endNs)}`]
  const { code, stdout, stderr } = await runImport(
    ...[
      `--from=${source.url}`,
      `--to=${target.url}`,
      `--state=${join(dir, 'state.json')}`,
      ...span,
    ],
  )
  t.equal(code, 1)
  t.match(stderr, /refused entries: .*too old/i)
  t.match(stdout, 'were sent, less what was refused, to')
  t.ok((await allEntries(target)).length > 0, 'recent entries were accepted')
})

test('wrong arguments are reported with the usage', async t => {
  const refused = async (reason: RegExp, ...args: string[]) =>
    t.match(await runImport(...args), { code: 2, stderr: reason })
  await refused(/--from is missing/)
  await refused(
    /--log\.format takes logfmt or json, not xml/,
    '--from=http://a',
    '--log.format=xml',
  )
  await refused(/--from takes a URL, not loki/, '--from=loki')
  await refused(/--window takes a duration above 0/, '--from=http://a', '--window=0s')
  await refused(/--start takes a time such as/, '--from=http://a', '--start=yesterday')
  await refused(
    /ends before it begins/,
    '--from=http://a',
    '--end=2020-01-01T00:00:00Z',
    '--start=2021-01-01T00:00:00Z',
  )
  await refused(/--page takes a whole number/, '--from=http://a', '--page=many')
  await refused(/takes no loki/, 'loki', '--from=http://a')
})
