// A real OpenTelemetry Collector in front of a store, over gRPC and over HTTP. CI builds it from e2e/fixtures/otel-collector.
// Elsewhere it comes from the PATH (`otel-collector`), and without it the tests are skipped.

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, type Test, test } from 'tap'
import { makeCertificates } from '../test/certificates.ts'
import { awaitCiProgram } from './ci-programs.ts'
import { flattenStreams, type QueryData, startStore } from './harness.ts'
import {
  loopbackHost,
  reservePort,
  spawnProgram,
  spawnSkald,
  untilOutput,
} from './skald-process.ts'
import { noProxies, startProxies } from './toxiproxy-process.ts'

root.setTimeout(500_000)

const program = (await awaitCiProgram('otel-collector')) ?? ''
const skip = program ? false : 'there is no otel-collector on the PATH'

/** Both ways in. Each is a pipeline of the Collector, with a receiver, and a service of which the lines are. */
const ways = ['grpc', 'http'] as const
type Way = (typeof ways)[number]

const exporters: Readonly<Record<Way, string>> = { grpc: 'otlp_grpc', http: 'otlp_http' }

/** Starts a Collector with an exporter for each way, as YAML. Returns a function that sends lines through it. */
async function startCollector(
  t: Test,
  dir: string,
  { grpc, http, extensions = '{}' }: Readonly<Record<Way, string>> & { extensions?: string },
) {
  const ports = { grpc: await reservePort(), http: await reservePort() }
  const config = join(dir, 'collector.yaml')
  const receiver = (way: Way) =>
    `  otlp/${way}: {protocols: {http: {endpoint: "${loopbackHost}:${ports[way]}"}}}\n`
  const pipeline = (way: Way) =>
    `    logs/${way}: {receivers: [otlp/${way}], processors: [batch], exporters: [${exporters[way]}]}\n`
  writeFileSync(
    config,
    `receivers:
${ways.map(receiver).join('')}processors: {batch: {timeout: 20ms, send_batch_size: 100, send_batch_max_size: 100}}
extensions: ${extensions}
exporters:
  otlp_grpc: {retry_on_failure: {initial_interval: 50ms, max_interval: 200ms}, ${grpc}}
  otlp_http: {retry_on_failure: {initial_interval: 50ms, max_interval: 200ms}, ${http}}
service:
  extensions: [${extensions === '{}' ? '' : 'bearertokenauth'}]
  pipelines:
${ways.map(pipeline).join('')}`,
  )
  const collector = spawnProgram(program, {
    args: ['--config', `file:${config}`],
    outputFile: join(dir, 'collector.log'),
  })
  t.teardown(() => collector.end('SIGTERM'))
  await untilOutput(collector, 'Everything is ready')
  return async (way: Way, lines: readonly string[]) => {
    const answer = await fetch(`http://${loopbackHost}:${ports[way]}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(logsOf(way, lines)),
    })
    t.equal(answer.status, 200, `the Collector takes ${lines.length} lines`)
  }
}

/** Lines as OTLP has them. All have one time, which leaves only their text to tell them apart. */
function logsOf(way: Way, lines: readonly string[]): object {
  const timeUnixNano = `${Date.now()}000000`
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })
  const logRecords = lines.map((line, i) => ({
    ...{ timeUnixNano, severityText: 'WARN', body: { stringValue: line } },
    attributes: [text('order', `${i}`)],
  }))
  const resource = { attributes: [text('service.name', way)] }
  return { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] }
}

const linesOf = (way: Way, from: number, count: number) =>
  Array.from({ length: count }, (_, i) => `${way} ${from + i} "größer"`)

const queryOf = (way: Way) => {
  const nowMs = Date.now()
  return {
    ...{ query: `{service_name="${way}"} | order!="" | detected_level="warn"`, limit: '5000' },
    ...{ start: `${nowMs - 300_000}000000`, end: `${nowMs + 60_000}000000` },
  }
}

/** Asks until a condition holds. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    if (await condition()) return
    await sleep(50)
  }
}

test('the Collector: each line once, although answers are lost and the store is killed', {
  skip: skip || noProxies,
}, async t => {
  const dir = t.testdir()
  const grpcPort = await reservePort()
  const store = await startStore(t, {
    dir,
    config: `receivers: {otlp: {grpc: {endpoint: "${loopbackHost}:${grpcPort}"}}}\n`,
  })
  const proxies = await startProxies(t, dir)
  const between = {
    grpc: await proxies.open('grpc', `${loopbackHost}:${grpcPort}`),
    http: await proxies.open('http', new URL(store.url).host),
  }
  const send = await startCollector(t, dir, {
    grpc: `endpoint: "${between.grpc.host}", tls: {insecure: true}`,
    http: `logs_endpoint: "http://${between.http.host}/otlp/v1/logs"`,
  })
  const sendBoth = (from: number, count: number) =>
    Promise.all(ways.map(way => send(way, linesOf(way, from, count))))
  const found = async (way: Way) =>
    flattenStreams(await store.query('query_range', queryOf(way))).map(({ line }) => line)
  const untilBothHave = (count: number) =>
    until(async () => {
      const counts = await Promise.all(ways.map(async way => new Set(await found(way)).size))
      return counts.every(size => size >= count)
    })
  /** How many lines came in, also those that were there already. */
  const received = async () => {
    const { body } = await store.request('/metrics')
    return Number(/^loki_distributor_lines_received_total\{.*\} (\d+)$/m.exec(body)?.[1])
  }

  await sendBoth(0, 200)
  await untilBothHave(200)
  t.equal(await received(), 400)

  // The store takes the lines, but its answers do not arrive.
  const fault = { type: 'limit_data', stream: 'downstream', attributes: { bytes: 1 } } as const
  for (const way of ways) await between[way].spoil(fault)
  await sendBoth(200, 200)
  await untilBothHave(400)
  for (const way of ways) await between[way].heal()
  await until(async () => (await received()) > 800)
  t.ok((await received()) > 800, 'the Collector has repeated what was not answered')

  await sendBoth(400, 100)
  await store.kill()
  await sendBoth(500, 100)
  await store.start()
  await untilBothHave(600)
  for (const way of ways) t.same((await found(way)).sort(), linesOf(way, 0, 600).sort(), way)
})

test('the Collector: with TLS and a token', { skip }, async t => {
  const dir = t.testdir()
  mkdirSync(join(dir, 'data'))
  makeCertificates(dir)
  const ports = { grpc: await reservePort(), http: await reservePort() }
  const sha256 = createHash('sha256').update('collector-token').digest('hex')
  const tls = `{cert_file: ${dir}/server.crt, key_file: ${dir}/server.key}`
  writeFileSync(
    join(dir, 'store.yaml'),
    `auth_enabled: true
server: {http_listen_address: 127.0.0.1, http_listen_port: ${ports.http}, http_tls_config: ${tls}}
common: {path_prefix: ${dir}/data}
receivers: {otlp: {grpc: {endpoint: "127.0.0.1:${ports.grpc}", tls_config: ${tls}}}}
auth: {tokens: [{name: otel, sha256: ${sha256}, roles: [push, read], tenants: [a]}]}
`,
  )
  const store = spawnSkald({
    args: ['store', `-config.file=${dir}/store.yaml`],
    outputFile: join(dir, 'store.log'),
  })
  t.teardown(() => store.end('SIGTERM'))
  await untilOutput(store, 'store is ready')
  const login = `auth: {authenticator: bearertokenauth}, tls: {ca_file: ${dir}/ca.crt}`
  const send = await startCollector(t, dir, {
    extensions: '{bearertokenauth: {token: collector-token}}',
    grpc: `endpoint: "127.0.0.1:${ports.grpc}", ${login}`,
    http: `logs_endpoint: "https://127.0.0.1:${ports.http}/otlp/v1/logs", ${login}`,
  })
  const ca = readFileSync(join(dir, 'ca.crt'))
  const found = async (way: Way) => {
    const url = `https://127.0.0.1:${ports.http}/loki/api/v1/query_range?${new URLSearchParams(queryOf(way))}`
    const body = await new Promise<string>((done, fail) => {
      const headers = { authorization: 'Bearer collector-token' }
      request(url, { ca, headers }, answer => {
        let text = ''
        answer.setEncoding('utf8').on('data', chunk => {
          text += chunk
        })
        answer.once('end', () => done(text))
      })
        .once('error', fail)
        .end()
    })
    return flattenStreams((JSON.parse(body) as { data: QueryData }).data).map(({ line }) => line)
  }
  for (const way of ways) {
    await send(way, linesOf(way, 0, 150))
    await until(async () => (await found(way)).length >= 150)
    t.same((await found(way)).sort(), linesOf(way, 0, 150).sort(), way)
  }
})
