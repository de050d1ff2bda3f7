import { loadStoreConfig, startStore } from '@skald/store'
import { pino } from 'pino'
import { type Test, test } from 'tap'
import { runLabelsCommand } from '../../src/asking/label-commands.ts'
import { createTestTerminal } from '../terminal-double.ts'

async function startTestStore(t: Test, limits = '{}') {
  const text = `auth_enabled: false
server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
common: {path_prefix: ${JSON.stringify(t.testdir())}}
limits_config: ${limits}
`
  const store = await startStore({
    loaded: loadStoreConfig(text, 'test'),
    logger: pino({ level: 'silent' }),
    version: 'test',
  })
  t.teardown(() => store.stop())
  return store
}

/** Pushes a line to each of many streams that differ in one label. */
async function push(url: string, name: string, count: number) {
  const nowNs = String(BigInt(Date.now() - 60_000) * 1_000_000n)
  const streams = Array.from({ length: count }, (_, i) => ({
    stream: { app: 'web', [name]: `${name}-${i}` },
    values: [[nowNs, `line ${i}`]],
  }))
  const response = await fetch(`${url}/loki/api/v1/push`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'User-Agent': 'shop-agent/1.0' },
    body: JSON.stringify({ streams }),
  })
  if (response.status !== 204) throw new Error(await response.text())
}

async function run(url: string, ...argv: string[]) {
  const terminal = createTestTerminal({ SKALD_URL: url })
  const code = await runLabelsCommand(argv, terminal)
  return {
    code,
    lines: terminal.written.out().split('\n').filter(Boolean),
    error: terminal.written.err(),
  }
}

test('skald labels counts values and streams of each label, like logcli', async t => {
  const { url } = await startTestStore(t)
  await push(url, 'pod', 3)
  t.same((await run(url)).lines, [
    ...['Total Streams:  3', 'Unique Labels:  3'],
    'Label Name    Unique Values  Found In Streams',
    'pod           3              3',
    'app           1              3',
    'service_name  1              3',
  ])
  t.equal((await run(url, '{pod="pod-1"}')).lines[0], 'Total Streams:  1')
})

test('skald labels --guilty names a label with very many values, and who pushes it', async t => {
  const { url } = await startTestStore(t)
  await push(url, 'pod', 3)
  t.same((await run(url, '--guilty')).lines, [
    'No label has too many values today: pod has the most, 3',
  ])
  await push(url, 'trace_id', 10_500)
  const { lines } = await run(url, '--guilty')
  t.match(lines[0], /^trace_id: about 10[45]\d\d values today$/)
  t.match(lines[1], /^ {2}such as trace_id-104\d\d, trace_id-104\d\d, trace_id-104\d\d$/)
  t.same(lines.slice(2), [
    '  pushed by 127.0.0.1 shop-agent/1.0',
    '  to keep it as structured metadata: limits_config.demote_labels: [trace_id]',
  ])
})

test('skald labels --guilty also lists what is demoted', async t => {
  const { url } = await startTestStore(t, '{demote_labels: [trace_id]}')
  await push(url, 'trace_id', 2)
  const { lines } = await run(url, '--guilty')
  t.equal(lines[0], 'trace_id: about 2 values today, kept as structured metadata')
  t.match((await run(url)).lines, ['Total Streams:  1'])
})

test('skald labels refuses what it does not understand, and says when there is no store', async t => {
  const terminal = createTestTerminal({})
  for (const argv of [['a', 'b'], ['--guilty', '{}'], ['--since', 'x'], ['--url', 'x'], ['--no']]) {
    await t.rejects(runLabelsCommand(argv, terminal), { code: 'USAGE' }, argv.join(' '))
  }
  await t.rejects(run('http://127.0.0.1:1'), {
    code: 'ASK',
    message: /^Cannot ask http:\/\/127\.0\.0\.1:1: .*Is a store running there\?$/,
  })
})
