// A real logcli (3.4 or newer) against the store. CI builds it from e2e/fixtures/loki-tools. Elsewhere it comes from the
// PATH, and without it the tests are skipped.

import { execFile, spawn } from 'node:child_process'
import { createHash, scryptSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { makeCertificates } from '../test/certificates.ts'
import { awaitCiProgram } from './ci-programs.ts'
import { startStore, type TestStore } from './harness.ts'
import { cleanEnv, reservePort, spawnSkald, untilOutput } from './skald-process.ts'

root.setTimeout(500_000)
const run = promisify(execFile)
const program = (await awaitCiProgram('logcli')) ?? ''
const skip = program ? false : 'there is no logcli on the PATH'

const lineCount = 20_000
const startNs = BigInt(Date.now() - 600_000) * 1_000_000n
/** Three lines share each nanosecond, so that pages end among equal times. */
const timeOf = (i: number) => startNs + BigInt(Math.floor(i / 3))
const lineAt = (i: number) => `level=info n=${i} took=${i % 100}ms`

async function openStore(t: Parameters<typeof startStore>[0] & { testdir(): string }) {
  const store = await startStore(t, { dir: t.testdir() })
  const push = async (from: number, to: number) => {
    const indexes = Array.from({ length: to - from }, (_, i) => from + i)
    for (const pod of ['a', 'b']) {
      const entries = indexes
        .filter(i => (i % 2 === 0) === (pod === 'a'))
        .map(i => ({ timestampNs: timeOf(i), line: lineAt(i) }))
      const labels = createLabelSet({ app: 'shop', pod })
      const answer = await store.push([{ labels, entries }])
      if (answer.status !== 204) throw new Error(`${answer.status}: ${answer.body}`)
    }
  }
  for (let from = 0; from < lineCount; from += 5000) await push(from, from + 5000)
  return store
}

/** Runs logcli. With `--quiet`, standard output has only the answer. */
async function logcli(store: TestStore, ...args: string[]): Promise<string> {
  const { stdout } = await run(program, [`--addr=${store.url}`, '--quiet', ...args], {
    maxBuffer: 64 << 20,
  })
  return stdout
}

const rfc3339 = (ms: number) => new Date(ms).toISOString()
const range = [
  `--from=${rfc3339(Number(startNs / 1_000_000n) - 60_000)}`,
  `--to=${rfc3339(Date.now() + 60_000)}`,
]

test('logcli reads labels, series, statistics, volumes and fields', { skip }, async t => {
  const store = await openStore(t)
  t.same((await logcli(store, 'labels')).trim().split('\n').sort(), ['app', 'pod', 'service_name'])
  t.same((await logcli(store, 'labels', 'pod')).trim().split('\n').sort(), ['a', 'b'])
  const series = await logcli(store, 'series', '{app="shop"}', ...range)
  t.same(
    series.trim().split('\n').sort(),
    ['a', 'b'].map(pod => `{app="shop", pod="${pod}", service_name="shop"}`),
  )
  t.match(await logcli(store, 'stats', '{app="shop"}', ...range), /entries: 20000/)
  const volume = JSON.parse(await logcli(store, 'volume', '{app="shop"}', ...range))
  t.match(volume, [{ metric: { app: 'shop' } }])
  const fields = await logcli(store, 'detected-fields', '{app="shop"}', ...range)
  t.match(fields, /label: took\s.*type: duration/)
})

test('logcli pages over all lines in both directions', { skip }, async t => {
  const store = await openStore(t)
  for (const direction of [['--forward'], []]) {
    const output = await logcli(
      store,
      'query',
      '{app="shop"}',
      `--limit=${lineCount + 10}`,
      '--batch=1000',
      '--output=raw',
      ...direction,
      ...range,
    )
    const numbers = output
      .trim()
      .split('\n')
      .map(line => Number(/n=(\d+)/.exec(line)?.[1]))
    t.equal(numbers.length, lineCount)
    t.equal(new Set(numbers).size, lineCount, 'each line once')
    const times = numbers.map(i => Math.floor(i / 3))
    const inOrder = direction.length > 0 ? times : times.toReversed()
    t.ok(
      inOrder.every((time, i) => i === 0 || time >= inOrder[i - 1]!),
      direction.length > 0 ? 'oldest first' : 'newest first',
    )
  }
})

test('logcli asks metric queries', { skip }, async t => {
  const store = await openStore(t)
  const query = 'sum by (pod) (count_over_time({app="shop"}[1h]))'
  const result = JSON.parse(await logcli(store, 'instant-query', query)) as {
    metric: { pod: string }
    value: [number, string]
  }[]
  t.same(result.map(({ metric, value }) => [metric.pod, value[1]]).sort(), [
    ['a', '10000'],
    ['b', '10000'],
  ])
})

test('logcli follows live lines', { skip }, async t => {
  const store = await openStore(t)
  const child = spawn(program, [
    `--addr=${store.url}`,
    '--quiet',
    'query',
    '{app="live"}',
    '--tail',
    '--output=raw',
  ])
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })
  const received: string[] = []
  lines.on('line', line => received.push(line))
  // A new tail also shows existing entries, so the first push may come before it.
  for (let i = 0; i < 5; i++) {
    const entries = [{ timestampNs: BigInt(Date.now()) * 1_000_000n, line: `live ${i}` }]
    await store.push([{ labels: createLabelSet({ app: 'live' }), entries }])
    while (received.length <= i) await once(lines, 'line')
  }
  t.same(received, ['live 0', 'live 1', 'live 2', 'live 3', 'live 4'])
})

test('logcli comes in over TLS with a user, and with a token', { skip }, async t => {
  const dir = t.testdir()
  mkdirSync(join(dir, 'data'))
  makeCertificates(dir)
  // The password is "secret".
  const salt = Buffer.from('salt of the test')
  const hash = scryptSync('secret', salt, 32, { N: 2 ** 14, r: 8, p: 1 })
  writeFileSync(
    join(dir, 'htpasswd'),
    `ann:$scrypt$ln=14,r=8,p=1$${unpadded(salt)}$${unpadded(hash)}\n`,
  )
  const port = await reservePort()
  const config = join(dir, 'store.yaml')
  const sha256 = createHash('sha256').update('logcli-token').digest('hex')
  writeFileSync(
    config,
    `auth_enabled: true
server:
  http_listen_address: 127.0.0.1
  http_listen_port: ${port}
  http_tls_config: {cert_file: ${dir}/server.crt, key_file: ${dir}/server.key}
common: {path_prefix: ${dir}/data}
auth:
  htpasswd_file: ${dir}/htpasswd
  users: [{name: ann, roles: [read, push], tenants: [a, b]}]
  tokens: [{name: logs, sha256: ${sha256}, roles: [read], tenants: [a]}]
`,
  )
  const store = spawnSkald({
    args: ['store', `-config.file=${config}`],
    outputFile: join(dir, 'log'),
  })
  t.teardown(() => store.end('SIGTERM'))
  await untilOutput(store, 'store is ready')
  const url = `https://127.0.0.1:${port}`
  const push = await run('curl', [
    ...['-sS', '--cacert', join(dir, 'ca.crt'), '-u', 'ann:secret', '-H', 'X-Scope-OrgID: a'],
    ...['-H', 'content-type: application/json', '-w', '%{http_code}'],
    ...[
      '-d',
      JSON.stringify({ streams: [{ stream: { app: 'x' }, values: [[`${startNs}`, 'hi']] }] }),
    ],
    `${url}/loki/api/v1/push`,
  ])
  t.equal(push.stdout, '204')
  const ask = (...login: string[]) =>
    run(
      program,
      [`--addr=${url}`, '--quiet', `--ca-cert=${dir}/ca.crt`, ...login, 'labels', 'app', ...range],
      { env: cleanEnv() },
    )
  const user = ['--username=ann', '--password=secret']
  t.equal((await ask(...user, '--org-id=a')).stdout.trim(), 'x')
  t.equal((await ask(...user, '--org-id=b')).stdout.trim(), '')
  t.equal((await ask('--bearer-token=logcli-token')).stdout.trim(), 'x')
  await t.rejects(ask(...user, '--org-id=c'), /ann has no access to this tenant/)
  await t.rejects(ask('--bearer-token=wrong'), /the token is unknown/)
  await t.rejects(ask(), /Authorization/)
})

/** Base64 without padding, as a hash of scrypt has it. */
function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}
