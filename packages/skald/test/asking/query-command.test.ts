import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { loadStoreConfig, startStore } from '@skald/store'
import { pino } from 'pino'
import { type Test, test } from 'tap'
import { runQueryCommand } from '../../src/asking/query-command.ts'
import { runReadyCommand } from '../../src/ready-command.ts'
import { createTestTerminal } from '../terminal-double.ts'

async function startTestStore(t: Test, auth = false) {
  const text = `auth_enabled: ${auth}
server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
common: {path_prefix: ${JSON.stringify(t.testdir())}}
`
  const store = await startStore({
    loaded: loadStoreConfig(text, 'test'),
    logger: pino({ level: 'silent' }),
    version: 'test',
  })
  t.teardown(() => store.stop())
  return store
}

async function push(url: string, stream: Record<string, string>, lines: readonly string[]) {
  const nowNs = BigInt(Date.now() - 60_000) * 1_000_000n
  const values = lines.map((line, i) => [String(nowNs + BigInt(i) * 1_000_000_000n), line])
  const response = await fetch(`${url}/loki/api/v1/push`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Scope-OrgID': 'team' },
    body: JSON.stringify({ streams: [{ stream, values }] }),
  })
  if (response.status !== 204) throw new Error(await response.text())
}

test('a URL without a scheme is refused with the URL that was probably meant', async t => {
  const f = async (url: string, message: RegExp) => {
    const terminal = createTestTerminal({})
    await t.rejects(
      runQueryCommand(['--url', url, '{app="a"}'], terminal),
      { code: 'USAGE', message },
      url,
    )
    await t.rejects(runReadyCommand([url], terminal), { code: 'USAGE' }, url)
  }
  await f(
    '127.0.0.1:3100',
    /^--url takes a URL, not 127\.0\.0\.1:3100: write http:\/\/127\.0\.0\.1:3100$/,
  )
  await f('loki/prefix', /: write http:\/\/loki\/prefix$/)
  await f('[::1]:3100', /: write http:\/\/\[::1\]:3100$/)
  await f('ftp://host', /^--url takes a URL, not ftp:\/\/host$/)
})

test('skald query prints lines, newest last, in every format', async t => {
  const { url } = await startTestStore(t)
  await push(url, { app: 'web', pod: 'a' }, ['first', 'third'])
  await push(url, { app: 'web', pod: 'b' }, ['level=error second'])
  const run = async (...argv: string[]) => {
    const terminal = createTestTerminal({ SKALD_URL: url })
    t.equal(await runQueryCommand(argv, terminal), 0)
    return terminal.written.out()
  }
  const raw = (await run('{app="web"}', '--output=raw')).trim().split('\n')
  t.same([...raw].sort(), ['first', 'level=error second', 'third'])
  t.equal(raw.at(-1), 'third', 'the newest is last')
  t.equal(await run('{app="web"} |= "th"', '--output', 'raw', '--limit=1'), 'third\n')
  const [row = ''] = (await run('{pod="b"}', '--output=jsonl')).split('\n')
  t.match(JSON.parse(row), {
    labels: { app: 'web', pod: 'b', detected_level: 'error' },
    line: 'level=error second',
  })
  const lines = await run('{app="web"}')
  t.match(lines, /\{.*pod="b".*\} level=error second/)
  t.notMatch(lines, /app="web"/, 'labels that all share are left out')
  t.match(await run('sum(count_over_time({app="web"}[5m]))'), /^\{\}\n {2}\S+ \d+\n/)
})

test('skald query --stats prints how the store found the answer, on stderr', async t => {
  const { url } = await startTestStore(t)
  await push(url, { app: 'web', pod: 'a' }, ['first needle', 'second'])
  await push(url, { app: 'web', pod: 'b' }, ['third'])
  await push(url, { app: 'db' }, ['fourth'])
  const flushed = await fetch(`${url}/flush`)
  t.equal(flushed.status, 204)
  const run = async (...argv: string[]) => {
    const terminal = createTestTerminal({ SKALD_URL: url })
    t.equal(await runQueryCommand(argv, terminal), 0)
    return { out: terminal.written.out(), err: terminal.written.err() }
  }
  const query = ['{app="web"} |= "needle"', '--output=raw']
  const plain = await run(...query)
  t.equal(plain.err, '')
  const { out, err } = await run(...query, '--stats')
  t.equal(out, plain.out, 'the lines are the same')
  t.equal(out, 'first needle\n')
  const time = /\d+\.\dms/
  const size = /\d[\d.]*k?B/
  const expected = [
    ['time', time, /1 scan/],
    ['  streams', time, /2 streams, 1 segment/],
    ['  footers', time, RegExp(`${size.source} read`)],
    ['  filters', time, RegExp(`2 blocks asked, ${size.source} read`)],
    ['  counts', time, RegExp(`${size.source} read`)],
    ['  scan', time, RegExp(`1 thread, ${time.source} of CPU`)],
    ['  merge', time, /(?:)/],
    ['  rest', time, /(?:)/],
    ['blocks', /3/, /(?:)/],
    ['  out of range', /0/, /(?:)/],
    ['  other streams', /1/, /(?:)/],
    ['  deleted', /0/, /(?:)/],
    ['  filtered', /1/, /0 false hits/],
    ['  counted', /0/, /(?:)/],
    ['  from counts', /0/, /0 segments not opened at all/],
    ['  beyond limit', /0/, /(?:)/],
    ['  scanned', /1/, RegExp(`${size.source} read, ${size.source} decompressed`)],
    ['lines', /2/, RegExp(`1 matched, ${size.source}`)],
  ] as const
  const lines = err.trimEnd().split('\n')
  t.equal(lines.length, expected.length)
  for (const [i, [name, value, details]] of expected.entries()) {
    t.match(lines[i], RegExp(`^${name} +${value.source}( +${details.source})?$`), name)
  }
})

test('skald query --stats takes answers of servers that do not explain themselves', async t => {
  const asked: string[] = []
  const summary = {
    ...{ execTime: 1.5, totalBytesProcessed: 2_000_000 },
    ...{ totalLinesProcessed: 12_345, totalPostFilterLines: 0 },
  }
  const server = createServer((request, response) => {
    asked.push(request.url!)
    const data = { resultType: 'streams', result: [], stats: { summary } }
    response.end(JSON.stringify({ status: 'success', data }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const terminal = createTestTerminal({ SKALD_URL: url })
  t.equal(await runQueryCommand(['{app="web"}'], terminal), 0)
  t.notMatch(asked[0], 'explain')
  t.equal(await runQueryCommand(['{app="web"}', '--stats'], terminal), 0)
  t.match(asked[1], '&explain=true')
  t.equal(terminal.written.err(), 'time    1.50s\nlines  12,345  0 matched, 2.0MB\n')
})

test('skald query brings user and password from the URL, and tells nobody of them', async t => {
  const asked: (string | undefined)[] = []
  const proxy = createServer((request, response) => {
    asked.push(request.headers.authorization)
    response.writeHead(401).end('who is it?')
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => proxy.close())
  const { port } = proxy.address() as AddressInfo
  const url = `http://reader:p%40ss@127.0.0.1:${port}`
  const terminal = createTestTerminal({ SKALD_URL: url })
  const refused = await runQueryCommand(['{app="web"}'], terminal).catch((error: Error) => error)
  t.match(refused, { code: 'ASK', message: /answered 401: who is it\?$/ })
  t.notMatch((refused as Error).message, 'p%40ss')
  t.equal(await runReadyCommand([], terminal), 1)
  const login = `Basic ${Buffer.from('reader:p@ss').toString('base64')}`
  t.same(asked, [login, login])
  t.notMatch(terminal.written.err(), 'p%40ss')
})

test('skald query colours what a person reads', async t => {
  const { url } = await startTestStore(t)
  await push(url, { app: 'web' }, ['x'])
  const terminal = createTestTerminal({ SKALD_URL: url }, { isTTY: true })
  await runQueryCommand(['{app="web"}'], terminal)
  t.ok(terminal.written.out().includes('\x1b[36m'))
  const plain = createTestTerminal({ SKALD_URL: url, NO_COLOR: '1' }, { isTTY: true })
  await runQueryCommand(['{app="web"}'], plain)
  t.notOk(plain.written.out().includes('\x1b['))
})

test('skald query speaks for a tenant', async t => {
  const { url } = await startTestStore(t, true)
  await push(url, { app: 'web' }, ['x'])
  const terminal = createTestTerminal()
  const argv = ['{app="web"}', '--url', url, '--output=raw']
  t.equal(await runQueryCommand([...argv, '--tenant', 'team'], terminal), 0)
  t.equal(terminal.written.out(), 'x\n')
  const message = /answered 401: no org id/
  await t.rejects(runQueryCommand(argv, terminal), { code: 'ASK', message })
})

test('skald query says what is wrong', async t => {
  const { url } = await startTestStore(t)
  const terminal = createTestTerminal({ SKALD_URL: url })
  const message = /answered 400: parse error at line 1, col 6/
  await t.rejects(runQueryCommand(['{app='], terminal), { code: 'ASK', message })
  const refuse = (...argv: string[]) =>
    t.rejects(runQueryCommand(argv, terminal), { code: 'USAGE' }, argv.join(' '))
  await refuse()
  await refuse('{a="b"}', '{c="d"}')
  await refuse('{a="b"}', '--limit=-1')
  await refuse('{a="b"}', '--since=yesterday')
  await refuse('{a="b"}', '--output=xml')
  await refuse('{a="b"}', '--url=nowhere')
  await refuse('{a="b"}', '--nosuch')
})

test('skald query says that no store answers', async t => {
  const store = await startTestStore(t)
  await store.stop()
  const terminal = createTestTerminal()
  const message = /Cannot ask http:\/\/127\.0\.0\.1:\d+: .*Is a store running there\?/
  const asking = runQueryCommand(['{a="b"}', '--url', store.url], terminal)
  await t.rejects(asking, { code: 'ASK', message })
})
