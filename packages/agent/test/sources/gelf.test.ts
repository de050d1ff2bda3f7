import dgram from 'node:dgram'
import { deflateSync, gzipSync } from 'node:zlib'
import { test } from 'tap'
import { GelfAssembler } from '../../src/sources/gelf-message.ts'
import { startReceiver, startTestAgent, waitFor } from '../harness.ts'

const configOf = (directory: string, url: string) => `
server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
positions: {filename: "${directory}/positions.yaml"}
clients: [{url: "${url}", batchwait: 20ms}]
scrape_configs:
  - job_name: gelf
    gelf: {listen_address: "127.0.0.1:0", use_incoming_timestamp: true, labels: {job: gelf}}
    relabel_configs:
      - {action: labelmap, regex: __gelf_message_(.+)}
    pipeline_stages:
      - json: {expressions: {text: short_message}}
      - output: {source: text}
`

/** Splits a message into GELF chunks. */
function chunksOf(bytes: Buffer, id: number, sizeBytes: number): Buffer[] {
  const count = Math.ceil(bytes.length / sizeBytes)
  return Array.from({ length: count }, (_, i) => {
    const head = Buffer.from([0x1e, 0x0f, 0, 0, 0, 0, 0, 0, 0, id, i, count])
    return Buffer.concat([head, bytes.subarray(i * sizeBytes, (i + 1) * sizeBytes)])
  })
}

const message = (text: string, more: object = {}) =>
  Buffer.from(
    JSON.stringify({
      ...{ version: '1.1', host: 'web', short_message: text, timestamp: 1772360430.123 },
      ...more,
    }),
  )

test('GELF comes plain, compressed and in chunks, in any order', async t => {
  const directory = t.testdir()
  const receiver = await startReceiver(t)
  const agent = await startTestAgent(t, configOf(directory, receiver.url))
  const port = Number(agent.sources()[0]!.place.split(':').at(-1))
  const socket = dgram.createSocket('udp4')
  t.teardown(() => socket.close())
  const long = 'x'.repeat(50_000)
  const datagrams = [
    message('plain', { level: 3, facility: 'kitchen' }),
    gzipSync(message('gzip')),
    deflateSync(message('zlib', { level: 6 })),
    ...chunksOf(message(long), 1, 1_000).reverse(),
    ...chunksOf(gzipSync(message('both')), 2, 10),
    Buffer.from('no json'),
    Buffer.from('[1]'),
    Buffer.from([0x1e, 0x0f, 1]),
    Buffer.from([0x1f, 0x8b, 1, 2]),
  ]
  for (const datagram of datagrams) {
    await new Promise<void>(resolve => socket.send(datagram, port, '127.0.0.1', () => resolve()))
  }
  await receiver.until(() => receiver.entries.length === 5)
  const of = (line: string) => receiver.entries.find(entry => entry.line === line)
  t.equal(
    of('plain')?.labels,
    '{facility="kitchen", host="web", job="gelf", level="error", version="1.1"}',
  )
  t.equal(of('zlib')?.labels, '{host="web", job="gelf", level="informational", version="1.1"}')
  t.equal(of('gzip')?.labels, '{host="web", job="gelf", level="alert", version="1.1"}')
  t.ok(of(long) && of('both'))
  t.equal(of('plain')?.timestampNs, 1_772_360_430_123_000_000n)
  await waitFor(async () =>
    /gelf_target_parsing_errors_total 4/.test(await agent.metrics.registry.metrics()),
  )
  t.match(await agent.metrics.registry.metrics(), /promtail_gelf_target_entries_total 5\n/)
})

test('GelfAssembler gives up incomplete messages and limits its memory', async t => {
  const assembler = new GelfAssembler()
  const [first, second] = chunksOf(message('late'), 1, 60)
  t.equal(assembler.take(first!, 'a', 0), undefined)
  t.equal(assembler.take(first!, 'a', 0), undefined, 'a chunk that comes twice counts once')
  t.equal(assembler.take(second!, 'b', 1), undefined, 'another sender has its own ids')
  assembler.take(chunksOf(message('x'), 9, 60)[0]!, 'c', 6_000)
  t.equal(assembler.lostCount, 2)
  for (let i = 0; i < 5_000; i++) assembler.take(chunksOf(message('y'), 3, 60)[0]!, `s${i}`, 6_001)
  t.ok(assembler.lostCount >= 3_900, `${assembler.lostCount} were given up`)
  t.throws(() => assembler.take(Buffer.from([0x1e, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 5, 5]), 'a', 0))
  t.throws(() => assembler.take(gzipSync(Buffer.alloc(20 << 20)), 'a', 0), 'a bomb')
})
