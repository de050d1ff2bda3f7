// Splunk's HTTP Event Collector, as its clients use it.

import { gzipSync } from 'node:zlib'
import { t as root, test } from 'tap'
import { openReceiverStore, testDay } from '../receiver-store.ts'

root.setTimeout(120_000)

const seconds = (second: string) => Date.parse(`${testDay}${second}Z`) / 1000

async function open(...args: Parameters<typeof openReceiverStore>) {
  const { store, entries } = await openReceiverStore(...args)
  const post = async (
    path: string,
    payload: string | Buffer,
    headers: Record<string, string> = {},
  ) => {
    const answer = await store.app.inject({
      method: 'POST',
      url: `/services/collector${path}`,
      headers: { authorization: 'Splunk 00000000-0000-0000-0000-000000000000', ...headers },
      payload,
    })
    return { status: answer.statusCode, json: answer.json(), headers: answer.headers }
  }
  return { store, entries, post }
}

test('events in a row: texts and objects, with their fields', async t => {
  const { post, entries } = await open(t)
  const events = [
    {
      time: `${seconds('01')}.5`,
      host: 'h1',
      sourcetype: 'st',
      index: 'ev',
      source: '/var/log/a.log',
      event: 'text } " \\ {',
    },
    {
      time: seconds('02') + 0.25,
      sourcetype: 'st',
      index: 'ev',
      event: { a: [1.0, '}'] },
      fields: { team: 'x', 'k8s.namespace.name': 'shop' },
    },
  ]
  const text = events.map(event => JSON.stringify(event)).join('')
  for (const path of ['', '/event']) {
    t.match(await post(path, text), { status: 200, json: { text: 'Success', code: 0 } })
  }
  t.same((await post('/event/1.0', gzipSync(`\n${text}\n`), { 'content-encoding': 'gzip' })).json, {
    text: 'Success',
    code: 0,
  })
  const found = await entries('{index="ev"}')
  t.match(found, [
    {
      line: 'text } " \\ {',
      ns: `${seconds('01')}500000000`,
      stream: { host: 'h1', sourcetype: 'st', source: '/var/log/a.log' },
    },
    {
      line: '{"a":[1,"}"]}',
      ns: `${seconds('02')}250000000`,
      stream: { namespace: 'shop', team: 'x' },
    },
  ])
  t.equal(found.length, 2)
  await post(
    '?_stream_fields=source&_msg_field=text',
    JSON.stringify({ ...events[0], index: 'chosen', event: { text: 'inner' } }),
  )
  t.equal((await entries('{source="/var/log/a.log"} | index="chosen"'))[0]!.line, 'inner')
})

test('raw lines', async t => {
  const { post, entries } = await open(t)
  const path = `/raw?index=raw&host=h2&sourcetype=syslog&time=${seconds('03')}`
  t.equal((await post(path, 'one\r\n\ntwo\n{"not": "parsed"}')).status, 200)
  t.same((await entries('{index="raw", host="h2"}')).map(({ line }) => line).sort(), [
    'one',
    'two',
    '{"not": "parsed"}',
  ])
})

test('a wrong event is named, the others are stored', async t => {
  const { post, entries } = await open(t, 'auth_enabled: false\nlimits_config: {max_line_size: 20}')
  const good = (event: string) => JSON.stringify({ time: seconds('04'), index: 'w', event })
  const wrong = async (payload: string, json: object) => {
    const answer = await post('', payload)
    t.equal(answer.status, 400)
    t.match(answer.json, json)
  }
  await wrong('', { text: 'No data', code: 5 })
  await wrong(`${good('a')}{"event": ""}${good('b')}`, { code: 13, 'invalid-event-number': 1 })
  await wrong(`${good('c')}{"time": 1}`, { code: 12, text: 'Event field is required' })
  await wrong(`${good('d')}hello`, {
    code: 6,
    text: 'Invalid data format',
    'invalid-event-number': 1,
  })
  await wrong(`${good('e')}{"event": `, { code: 6, 'invalid-event-number': 1 })
  await wrong(`[${good('x')}]`, { code: 6, 'invalid-event-number': 0 })
  await wrong(good('f').replace('}', ',"fields":[1]}'), { code: 15 })
  await wrong(`${good('g')}${good('much longer than twenty')}`, { code: 6, text: /Max entry size/ })
  await wrong(`{"event":"x","time":"noon"}`, { code: 6, text: /field _time is not a time/ })
  t.same((await entries('{index="w"}')).map(({ line }) => line).sort(), [
    'a',
    'b',
    'c',
    'd',
    'e',
    'g',
  ])
})

test('a request has an end of its entries, and nothing of a longer one is stored', async t => {
  const { post, entries } = await open(t)
  const gzip = { 'content-encoding': 'gzip' }
  for (const [path, body] of [
    ['/raw?index=many', 'a\n'.repeat(200_001)],
    ['', '{"event":"a","index":"many"}'.repeat(200_001)],
  ] as const) {
    const answer = await post(path, gzipSync(body), gzip)
    t.match(answer, { status: 413, json: { code: 6, text: /more than 200000 entries/ } })
  }
  t.match(await post('/raw', gzipSync('\n'.repeat(1_000_000)), gzip), { json: { code: 5 } })
  t.same(await entries('{index="many"}', 'now'), [])
})

test('acknowledgements', async t => {
  const { post } = await open(t)
  const channel = { 'x-splunk-request-channel': 'FE0ECFAD-13D5-401B-847D-77833BD77131' }
  const event = JSON.stringify({ event: 'acknowledged', index: 'ack' })
  const first = (await post('', event, channel)).json.ackId as number
  const second = (await post(`?channel=${channel['x-splunk-request-channel']}`, event)).json
    .ackId as number
  t.ok(second > first)
  const ask = await post('/ack', JSON.stringify({ acks: [first, second, second + 1] }), channel)
  t.same(ask.json, { acks: { [first]: true, [second]: true, [second + 1]: false } })
  t.match((await post('/ack', '{"acks":[1]}')).json, { code: 10 })
  t.match((await post('/ack', '{"acks":["a"]}', channel)).json, { code: 6 })
  t.match((await post('/ack', '', channel)).json, { code: 6 })
})

test('health, limits and tenants', async t => {
  const { store, post } = await open(
    t,
    'auth_enabled: true\nlimits_config: {ingestion_rate_mb: 0.0001, ingestion_burst_size_mb: 0.0001}',
  )
  const health = await store.app.inject({ url: '/services/collector/health/1.0' })
  t.same([health.statusCode, health.json().code], [200, 17])
  const event = JSON.stringify({ event: 'x'.repeat(500) })
  t.match(await post('', event), { status: 401, json: { text: 'no org id', code: 2 } })
  const limited = await post('', event, { 'x-scope-orgid': 'a' })
  t.match(limited, { status: 429, json: { code: 9 } })
  t.ok(Number(limited.headers['retry-after']) >= 1)
})
