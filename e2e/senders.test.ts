// Clients of Elasticsearch and OpenTelemetry, and syslog-ng, send to a store. Exactly their lines come in.
// The libraries are large, so they are not installed with the project: `npm ci` in e2e/fixtures/senders brings them.

import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, test } from 'tap'
import { makeCertificates } from '../test/certificates.ts'
import { type FoundEntry, flattenStreams, startStore, type TestStore } from './harness.ts'
import { loopbackHost, reservePort, rootDir, spawnProgram } from './skald-process.ts'

root.setTimeout(170_000)

const senders = join(rootDir, 'e2e/fixtures/senders/')
const require = createRequire(senders)
const needsLibraries = {
  skip: existsSync(join(senders, 'node_modules'))
    ? false
    : 'npm ci did not run in e2e/fixtures/senders',
}

const ports = { grpc: await reservePort(), syslog: await reservePort(), tls: await reservePort() }
let store: TestStore
let elasticsearch: string

test('a store for all senders', async t => {
  const dir = root.testdir()
  makeCertificates(dir)
  store = await startStore(root, {
    dir,
    config: `receivers:
  otlp: {grpc: {endpoint: "${loopbackHost}:${ports.grpc}"}}
  syslog:
    - {listen_address: "${loopbackHost}:${ports.syslog}", labels: {way: plain}}
    - listen_address: "127.0.0.1:${ports.tls}"
      labels: {way: tls}
      tls_config: {cert_file: ${dir}/server.crt, key_file: ${dir}/server.key}
`,
  })
  elasticsearch = `${store.url}/elasticsearch`
  t.ok(store.pid)
})

/** Waits until a query has this many lines. Returns them. */
async function find(logql: string, count: number): Promise<FoundEntry[]> {
  for (let i = 0; ; i++) {
    const nowMs = Date.now()
    const found = flattenStreams(
      await store.query('query_range', {
        query: logql,
        start: `${nowMs - 300_000}000000`,
        end: `${nowMs + 60_000}000000`,
        limit: '5000',
      }),
    )
    if (found.length >= count || i === 600) return found
    await sleep(50)
  }
}

/** The part of Elasticsearch's client that is used here. */
interface ElasticsearchModule {
  readonly Client: new (options: {
    readonly node: string
  }) => {
    readonly helpers: { bulk(options: object): Promise<object> }
    info(): Promise<{ readonly version: { readonly number: string } }>
    close(): Promise<void>
  }
}

const linesOf = (found: readonly FoundEntry[]) => found.map(({ line }) => line.trim()).sort()
const numbered = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${prefix} ${i} "größer" \\n`).sort()

test("Elasticsearch's own client: the bulk helper", needsLibraries, async t => {
  const { Client } = require('@elastic/elasticsearch') as ElasticsearchModule
  const client = new Client({ node: elasticsearch })
  t.teardown(() => client.close())
  const lines = numbered('bulk', 500)
  const report = await client.helpers.bulk({
    datasource: lines.map(message => ({
      '@timestamp': new Date().toISOString(),
      message,
      log: { level: 'warn' },
    })),
    flushBytes: 10_000,
    onDocument: () => ({ create: { _index: 'shop-logs' } }),
  })
  t.match(report, { total: 500, successful: 500, failed: 0 })
  t.same(linesOf(await find('{index="shop-logs"} | detected_level="warn"', 500)), lines)
  t.ok((await client.info()).version.number)
})

test('winston-elasticsearch: lines and levels', needsLibraries, async t => {
  const winston = require('winston') as typeof import('winston')
  const { ElasticsearchTransport } = require('winston-elasticsearch') as {
    ElasticsearchTransport: new (
      options: object,
    ) => import('winston').transport & { flush(): Promise<unknown> }
  }
  const transport = new ElasticsearchTransport({
    ...{ level: 'debug', index: 'winston-logs', flushInterval: 100 },
    clientOpts: { node: elasticsearch },
  })
  const logger = winston.createLogger({ level: 'debug', transports: [transport] })
  logger.on('error', (error: unknown) => t.fail(String(error)))
  const lines = numbered('winston', 100)
  for (const line of lines) logger.warn(line, { order: 17 })
  await transport.flush()
  const found = await find('{index="winston-logs"} | detected_level="warn"', 100)
  t.same(linesOf(found), lines)
  t.match(found[0]!.labels, { fields_order: '17' })
  logger.close()
})

test(
  "OpenTelemetry's exporter over gRPC: records and their attributes",
  needsLibraries,
  async t => {
    const { OTLPLogExporter } = require('@opentelemetry/exporter-logs-otlp-grpc')
    const { BatchLogRecordProcessor, LoggerProvider } =
      require('@opentelemetry/sdk-logs') as typeof import('@opentelemetry/sdk-logs')
    const { resourceFromAttributes } =
      require('@opentelemetry/resources') as typeof import('@opentelemetry/resources')
    for (const compression of ['none', 'gzip']) {
      const exporter = new OTLPLogExporter({
        url: `http://${loopbackHost}:${ports.grpc}`,
        compression,
      })
      const provider = new LoggerProvider({
        resource: resourceFromAttributes({ 'service.name': `grpc-${compression}` }),
        processors: [new BatchLogRecordProcessor({ exporter })],
      })
      const logger = provider.getLogger('test')
      const lines = numbered('record', 300)
      for (const body of lines)
        logger.emit({ body, severityText: 'ERROR', attributes: { order: 17 } })
      await provider.shutdown()
      const found = await find(`{service_name="grpc-${compression}"}`, 300)
      t.same(linesOf(found), lines)
      t.match(found[0]!.labels, { order: '17', detected_level: 'error' })
    }
  },
)

const hasSyslogNg = spawnSync('syslog-ng', ['--version']).status === 0

test('syslog-ng: over TCP, with TLS, and as to Elasticsearch', {
  skip: hasSyslogNg ? false : 'there is no syslog-ng',
}, async t => {
  const dir = t.testdir()
  const input = join(dir, 'in.log')
  const config = join(dir, 'syslog-ng.conf')
  writeFileSync(
    config,
    `@version: 3.38
source s { file("${input}" flags(no-parse) program-override("ng")); };
destination plain { syslog("${loopbackHost}" port(${ports.syslog}) transport(tcp)); };
destination secure { syslog("127.0.0.1" port(${ports.tls}) transport(tls)
  tls(ca-file("${root.testdirName}/ca.crt") peer-verify(required-trusted))); };
destination elastic { http(url("${elasticsearch}/_bulk") headers("Content-Type: application/x-ndjson") batch-lines(100)
  body("$(format-json index._index=ng-logs)\n$(format-json --scope rfc5424 @timestamp=\${ISODATE} message=\${MESSAGE})")
  body-suffix("\n")); };
log { source(s); destination(plain); destination(secure); destination(elastic); };
`,
  )
  const lines = Array.from({ length: 300 }, (_, i) => `line ${i} "größer" of syslog-ng`).sort()
  writeFileSync(input, `${lines.join('\n')}\n`)
  const files = ['persist-file', 'pidfile', 'control'].map(name => `--${name}=${join(dir, name)}`)
  const program = spawnProgram('syslog-ng', {
    args: ['-F', '-f', config, ...files, '--no-caps'],
    outputFile: join(dir, 'syslog-ng.out'),
  })
  t.teardown(() => program.end('SIGKILL'))
  for (const query of ['{way="plain", app="ng"}', '{way="tls", app="ng"}', '{index="ng-logs"}']) {
    t.same(linesOf(await find(query, 300)), lines, query)
  }
})
