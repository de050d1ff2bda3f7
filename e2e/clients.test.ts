// Logging libraries that people use with Loki push to a store unchanged, and their lines come back.

import { once } from 'node:events'
import { OTLPLogExporter as JsonLogExporter } from '@opentelemetry/exporter-logs-otlp-http'
import { OTLPLogExporter as ProtobufLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import { pino } from 'pino'
import { pinoLoki } from 'pino-loki'
import { t as root, test } from 'tap'
import winston from 'winston'
import LokiTransport from 'winston-loki'
import { type FoundEntry, flattenStreams, startStore, type TestStore } from './harness.ts'

root.setTimeout(170_000)

/** One store for all clients: each has its own labels. */
let store: TestStore
test('a store for all clients', async t => {
  store = await startStore(root, { dir: root.testdir() })
  t.ok(store.pid)
})

async function findAll(logql: string): Promise<FoundEntry[]> {
  const nowMs = Date.now()
  const data = await store.query('query_range', {
    query: logql,
    start: `${nowMs - 300_000}000000`,
    end: `${nowMs + 60_000}000000`,
    limit: '1000',
    direction: 'forward',
  })
  return flattenStreams(data)
}

test('pino-loki: lines, labels, levels and structured metadata come back', async t => {
  const transport = pinoLoki({
    host: store.url,
    labels: { app: 'shop', job: 'pino' },
    propsToLabels: ['region'],
    batching: { interval: 1 },
  })
  const logger = pino({ level: 'debug' }, transport)
  const beforeMs = Date.now()
  logger.info({ region: 'eu', orderId: 17 }, 'order placed')
  logger.warn({ meta: { traceId: 'abc', attempt: 2 } }, 'größer als <erwartet> & "zitiert"')
  logger.error(new Error('payment failed'))
  for (let i = 0; i < 200; i++) logger.debug(`line ${i}`)
  const afterMs = Date.now()
  // Ending the transport pushes what it holds and closes it.
  const closed = once(transport, 'close')
  transport.end()
  await closed

  const [placed, ...others] = await findAll('{job="pino", region="eu"}')
  t.equal(others.length, 0, 'a property became a label')
  t.match(JSON.parse(placed!.line), { msg: 'order placed', orderId: 17, level: 30 })
  t.match(placed!.labels, { app: 'shop', job: 'pino', level: 'info', region: 'eu' })
  const timeMs = Number(placed!.timestampNs / 1_000_000n)
  t.ok(timeMs >= beforeMs && timeMs <= afterMs, 'the time is that of the call')

  const [warning] = await findAll('{job="pino", level="warning"}')
  t.equal(JSON.parse(warning!.line).msg, 'größer als <erwartet> & "zitiert"')
  t.match(warning!.labels, { traceId: 'abc', attempt: '2' }, 'metadata is with the entry')

  const errors = await findAll('{job="pino"} |= "payment failed"')
  t.equal(errors.length, 1)
  t.equal(errors[0]!.labels.level, 'error')
  const debugLines = await findAll('{job="pino", level="debug"}')
  t.strictSame(
    debugLines.map(entry => JSON.parse(entry.line).msg).sort(),
    Array.from({ length: 200 }, (_, i) => `line ${i}`).sort(),
  )
})

test('pino-loki: one push per line when batching is off', async t => {
  const transport = pinoLoki({ host: store.url, labels: { job: 'pino-single' }, batching: false })
  const logger = pino(transport)
  const lines = Array.from({ length: 20 }, (_, i) => `single ${i}`)
  for (const line of lines) logger.info(line)
  const wanted = [...lines].sort()
  // The library does not wait for the answers of single pushes, so the test polls until they are
  // there.
  const endMs = Date.now() + 10_000
  let found: string[] = []
  while (found.length < wanted.length && Date.now() < endMs) {
    const entries = await findAll('{job="pino-single"}')
    found = entries.map(entry => JSON.parse(entry.line).msg).sort()
  }
  t.strictSame(found, wanted)
  transport.end()
})

for (const { form, json } of [
  { form: 'JSON', json: true },
  { form: 'protobuf', json: false },
]) {
  test(`winston-loki as ${form}: lines, labels and levels come back`, async t => {
    const job = `winston-${form}`
    const failures: unknown[] = []
    const contentTypes = new Set<string>()
    const loki = new LokiTransport({
      host: store.url,
      labels: { app: 'shop', job },
      json,
      interval: 1,
      gracefulShutdown: false,
      onConnectionError: error => failures.push(error),
    })
    contentTypes.add((loki as unknown as { batcher: { contentType: string } }).batcher.contentType)
    const logger = winston.createLogger({ level: 'debug', transports: [loki] })
    logger.info('order placed')
    logger.warn('größer als <erwartet> & "zitiert"', { orderId: 17 })
    logger.log({ level: 'error', message: 'payment failed', labels: { region: 'eu' } })
    for (let i = 0; i < 200; i++) logger.debug(`line ${i}`)
    // Resolves once everything that was logged has been answered.
    await loki.flush()
    await loki.close()

    t.strictSame(failures, [], 'every push was accepted')
    t.strictSame(
      [...contentTypes],
      [json ? 'application/json' : 'application/x-protobuf'],
      'the form is the one that was asked for',
    )
    const [info] = await findAll(`{job="${job}", level="info"}`)
    t.equal(info!.line, 'order placed {"level":"info"}')
    t.match(info!.labels, { app: 'shop', job, level: 'info' })
    const [warning] = await findAll(`{job="${job}", level="warn"}`)
    t.equal(warning!.line, 'größer als <erwartet> & "zitiert" {"orderId":17,"level":"warn"}')
    const [error] = await findAll(`{job="${job}", region="eu"}`)
    t.match(error!.line, /^payment failed/)
    const debugLines = await findAll(`{job="${job}", level="debug"}`)
    t.strictSame(
      debugLines.map(entry => entry.line).sort(),
      Array.from({ length: 200 }, (_, i) => `line ${i} {"level":"debug"}`).sort(),
    )
  })
}

for (const { form, Exporter } of [
  { form: 'JSON', Exporter: JsonLogExporter },
  { form: 'protobuf', Exporter: ProtobufLogExporter },
]) {
  for (const compression of ['none', 'gzip'] as const) {
    test(`OpenTelemetry's exporter of ${form}, compression ${compression}: records come back`, async t => {
      const service = `shop-${form}-${compression}`
      const exporter = new Exporter({
        url: `${store.url}/otlp/v1/logs`,
        // The library does not export the enumeration of these values.
        compression: compression as never,
      })
      const failures: unknown[] = []
      const checked = {
        export: (records: never, done: (result: { code: number; error?: Error }) => void) =>
          exporter.export(records, result => {
            if (result.code !== 0) failures.push(result.error)
            done(result)
          }),
        forceFlush: () => exporter.forceFlush(),
        shutdown: () => exporter.shutdown(),
      }
      const provider = new LoggerProvider({
        resource: resourceFromAttributes({
          'service.name': service,
          'k8s.namespace.name': 'prod',
          'host.name': 'node-1',
        }),
        processors: [new BatchLogRecordProcessor({ exporter: checked as never })],
      })
      const logger = provider.getLogger('cart', '1.2.3')
      logger.emit({
        severityNumber: 13,
        severityText: 'WARN',
        body: 'größer als <erwartet> & "zitiert"',
        attributes: { 'http.method': 'GET', attempts: 2, isSlow: true, tags: ['a', 'b'] },
      })
      logger.emit({ body: { order: 17, lines: [{ sku: 'x', price: 1.5 }] }, severityNumber: 9 })
      for (let i = 0; i < 200; i++) logger.emit({ body: `line ${i}`, severityNumber: 5 })
      await provider.forceFlush()
      await provider.shutdown()

      t.strictSame(failures, [], 'every export was accepted')
      const selector = `{service_name="${service}", k8s_namespace_name="prod"}`
      const [warning, ...others] = await findAll(`${selector} | detected_level="warn"`)
      t.equal(others.length, 0)
      t.equal(warning!.line, 'größer als <erwartet> & "zitiert"')
      t.match(warning!.labels, {
        http_method: 'GET',
        attempts: '2',
        isSlow: 'true',
        tags: '["a","b"]',
        host_name: 'node-1',
        scope_name: 'cart',
        scope_version: '1.2.3',
        severity_number: '13',
        severity_text: 'WARN',
        observed_timestamp: /^\d{19}$/,
      })
      const [structured] = await findAll(`${selector} | json | order="17"`)
      t.equal(structured!.line, '{"lines":[{"price":1.5,"sku":"x"}],"order":17}')
      const debugLines = await findAll(`${selector} | severity_number="5"`)
      t.strictSame(
        debugLines.map(entry => entry.line).sort(),
        Array.from({ length: 200 }, (_, i) => `line ${i}`).sort(),
      )
    })
  }
}
