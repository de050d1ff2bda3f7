import { gzipSync } from 'node:zlib'
import { createLabelSet, type Stream, snappyCompress } from '@skald/wire'
import { encodePushRequest } from '@skald/wire/push-codec'
import { type Test, test } from 'tap'
import { loadAgentConfig } from '../../src/index.ts'
import { startReceiver, startTestAgent } from '../harness.ts'

const configOf = (directory: string, url: string, more = '') => `
server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
positions: {filename: "${directory}/positions.yaml"}
clients:
  - {url: "${url}", batchwait: 20ms, backoff_config: {min_period: 20ms, max_period: 50ms}}
scrape_configs:
  - job_name: push
    loki_push_api:
      server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
      labels: {via: push, app: default}
${more}
    relabel_configs:
      - {source_labels: [__secret], target_label: opened}
      - {action: drop, source_labels: [app], regex: noisy}
    pipeline_stages:
      - static_labels: {stage: seen}
`

async function start(t: Test, more = '') {
  const directory = t.testdir()
  const receiver = await startReceiver(t)
  const agent = await startTestAgent(t, configOf(directory, receiver.url, more))
  const url = agent.sources()[0]!.place
  const push = (
    body: Buffer | string,
    headers: Record<string, string>,
    path = '/loki/api/v1/push',
  ) => fetch(url + path, { method: 'POST', headers, body: new Uint8Array(Buffer.from(body)) })
  return { receiver, agent, url, push }
}

const timestampNs = 1_772_360_430_123_456_789n
const stream = (labels: Record<string, string>, ...lines: string[]): Stream => ({
  labels: createLabelSet(Object.entries(labels)),
  entries: lines.map((line, i) => ({
    ...{ timestampNs: timestampNs + BigInt(i), line },
    structuredMetadata: [{ name: 'trace', value: String(i) }],
  })),
})
const incoming = '      use_incoming_timestamp: true'
const protobuf = { 'content-type': 'application/x-protobuf' }

test('Push receiver takes protobuf, relabels, and drops one stream without the others', async t => {
  const { receiver, push, url } = await start(t, incoming)
  const streams = [
    stream({ app: 'a', __secret: 'x' }, 'one', 'two'),
    stream({ app: 'noisy' }, 'dropped'),
    stream({ job: 'b' }, 'three'),
  ]
  const answer = await push(snappyCompress(encodePushRequest(streams)), protobuf)
  t.equal(answer.status, 204)
  t.strictSame(
    receiver.entries.map(({ labels, line, timestampNs: time }) => [labels, line, time]),
    [
      ['{app="a", opened="x", stage="seen", via="push"}', 'one', timestampNs],
      ['{app="a", opened="x", stage="seen", via="push"}', 'two', timestampNs + 1n],
      ['{app="default", job="b", stage="seen", via="push"}', 'three', timestampNs],
    ],
    'when it answers, the server behind has the lines',
  )
  t.equal((await fetch(`${url}/ready`)).status, 200)
})

test('Push receiver takes JSON, compressed too, and plain text', async t => {
  const { receiver, push } = await start(t)
  const json = JSON.stringify({
    streams: [{ stream: { app: 'j' }, values: [[String(timestampNs), 'json']] }],
  })
  const type = { 'content-type': 'application/json' }
  t.equal((await push(json, type)).status, 204)
  t.equal((await push(gzipSync(json), { ...type, 'content-encoding': 'gzip' })).status, 204)
  const raw = '/promtail/api/v1/raw'
  t.equal(
    (await push('first\r\n\nsecond\nlast', { 'content-type': 'text/plain' }, raw)).status,
    204,
  )
  await receiver.until(() => receiver.entries.length === 5)
  t.strictSame(receiver.entries.map(({ labels, line }) => `${labels} ${line}`).toSorted(), [
    ...[
      '{app="default", stage="seen", via="push"} first',
      '{app="default", stage="seen", via="push"} last',
    ],
    '{app="default", stage="seen", via="push"} second',
    ...['{app="j", stage="seen", via="push"} json', '{app="j", stage="seen", via="push"} json'],
  ])
  t.ok(
    receiver.entries.every(entry => entry.timestampNs > timestampNs),
    'with the time of arrival',
  )
})

test('Push receiver reports what is wrong with a push, and accepts none of it', async t => {
  const { receiver, push, url } = await start(t)
  const json = { 'content-type': 'application/json' }
  const cases: [Buffer | string, Record<string, string>, number][] = [
    ['not snappy', protobuf, 400],
    ['{"streams": 1}', json, 400],
    ['{"streams": [{"stream": {"a": "b"}, "values": [["x", "y"]]}]}', json, 400],
    ['{}', { 'content-type': 'text/html' }, 400],
    [Buffer.alloc(17 << 20), protobuf, 413],
    [gzipSync(Buffer.alloc(70 << 20)), { ...json, 'content-encoding': 'gzip' }, 413],
    ['not gzip', { ...json, 'content-encoding': 'gzip' }, 400],
  ]
  for (const [body, headers, status] of cases) {
    const answer = await push(body, headers)
    t.equal(answer.status, status, `${String(body).slice(0, 20).replaceAll('\u0000', '')}`)
    t.ok((await answer.text()).length > 3)
  }
  t.equal((await fetch(`${url}/loki/api/v1/push`)).status, 404)
  t.equal(receiver.entries.length, 0)
})

test('Push receiver makes its senders wait while no server accepts lines', async t => {
  const { receiver, push } = await start(t, incoming)
  receiver.respond(503)
  const one = snappyCompress(encodePushRequest([stream({ app: 'a' }, 'late')]))
  const startedMs = performance.now()
  const answer = await push(one, protobuf)
  t.equal(answer.status, 503)
  t.equal(answer.headers.get('retry-after'), '1')
  t.ok(performance.now() - startedMs < 10_000, 'before a Promtail gives up waiting')
  receiver.respond(204)
  await receiver.until(() => receiver.entries.length === 1)
  t.equal((await push(one, protobuf)).status, 204)
  t.equal(new Set(receiver.entries.map(({ timestampNs: ns, line }) => `${ns} ${line}`)).size, 1)
})

test('Push receiver needs a separate port', async t => {
  const text = configOf('/tmp', 'http://h/').replace(/ {6}server: .*\n/, '')
  await t.rejects(loadAgentConfig({ text, path: 'a.yaml' }), {
    message: /a\.yaml:8:\d+: loki_push_api needs/,
  })
})
