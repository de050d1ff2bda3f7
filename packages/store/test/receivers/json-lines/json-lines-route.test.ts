// /insert/jsonline: documents, one a line, stored while they arrive.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { t as root, test } from 'tap'
import { openReceiverStore, pendingBytes, testDay } from '../receiver-store.ts'

root.setTimeout(120_000)

const url = '/insert/jsonline'
const line = (fields: object) => `${JSON.stringify(fields)}\n`

test('documents become lines, whatever the encoding', async t => {
  const { store, entries } = await openReceiverStore(t)
  const body = (name: string) =>
    line({ _time: `${testDay}01Z`, _msg: name, job: 'enc', level: 'info', n: 1 })
  const send = async (payload: string | Buffer, headers: Record<string, string> = {}) => {
    const answer = await store.app.inject({ method: 'POST', url, payload, headers })
    t.same([answer.statusCode, answer.body], [200, ''])
  }
  await send(body('plain'))
  await send(body('no line feed').trimEnd(), { 'content-type': 'application/stream+json' })
  await send(gzipSync(body('gzip')), { 'content-encoding': 'gzip' })
  await send(zstdCompressSync(body('zstd')), { 'content-encoding': 'zstd' })
  await send(`\n${body('crlf').replace('\n', '\r\n')}\r\n`)
  await send('')
  const found = await entries('{job="enc"} | level="info" | n="1"')
  t.same(found.map(entry => entry.line).sort(), ['crlf', 'gzip', 'no line feed', 'plain', 'zstd'])
})

test('a long body is stored while it arrives, and the rest when it ends', async t => {
  const { store, entries } = await openReceiverStore(t)
  const { hostname, port } = new URL(store.url)
  const sending = request({
    ...{ hostname, port, path: `${url}?_stream_fields=job&_time_field=ms&_msg_field=text` },
    method: 'POST',
  })
  const answered = once(sending, 'response')
  const startMs = Date.parse(`${testDay}02Z`)
  let sent = 0
  const sendSome = (count: number) => {
    let text = ''
    for (let i = 0; i < count; i++, sent++) {
      text += line({ ms: startMs + sent, text: `line ${sent} ${'x'.repeat(200)}`, job: 'long' })
    }
    sending.write(text)
  }
  sendSome(12_000)
  // More than a piece has come, so some of it is stored before the end.
  const count = async () => {
    const at = String(startMs / 1000 + 3600)
    const query = 'sum(count_over_time({job="long"}[2h]))'
    const answer = await store.get('/loki/api/v1/query', { query, time: at })
    return Number(answer.json().data.result[0]?.value[1] ?? 0)
  }
  while ((await count()) === 0);
  sendSome(100)
  // A body that pauses is stored too.
  while ((await count()) < sent);
  sendSome(1)
  sending.end()
  const [response] = await answered
  t.equal(response.statusCode, 200)
  response.resume()
  t.equal(await count(), sent)
  t.equal((await entries('{job="long"} |= "line 12100 "')).length, 1)
})

test('good lines are stored, bad ones are named', async t => {
  const { store, entries } = await openReceiverStore(t)
  const good = (second: string) => line({ _time: `${testDay}${second}Z`, _msg: 'good', job: 'bad' })
  const payload = [
    good('10'),
    'not JSON\n',
    good('11'),
    '[1]\n',
    line({ _time: 'noon', _msg: 'x', job: 'bad' }),
    line({ _time: `${testDay}12Z`, _msg: 'x'.repeat(300_000), job: 'bad' }),
  ].join('')
  const answer = await store.app.inject({ method: 'POST', url, payload })
  t.equal(answer.statusCode, 400)
  t.match(
    answer.body,
    /^4 refused, 2 stored: line 2: .*; line 4: not a JSON object; line 5: field _time/,
  )
  t.match(answer.body, /line 6: Max entry size/)
  t.equal((await entries('{job="bad"}')).length, 2)
  const long = await store.app.inject({
    ...{ method: 'POST', url },
    payload: `{"a": "${'x'.repeat(4 * 1024 * 1024)}"}\n${good('13')}`,
  })
  t.match(long.body, /^1 refused, 1 stored: line 1: longer than 4194304 bytes/)
  const deep = await store.app.inject({
    method: 'POST',
    url,
    payload: `${'{"a":'.repeat(99)}1${'}'.repeat(99)}`,
  })
  t.match(deep.body, /nested more than 50 levels deep/)
})

test('what cannot be read is refused', async t => {
  const { store } = await openReceiverStore(t)
  const refused = async (why: RegExp, headers: Record<string, string>, path = url) => {
    const answer = await store.app.inject({
      method: 'POST',
      url: path,
      payload: 'not gzip',
      headers,
    })
    t.equal(answer.statusCode, 400)
    t.match(answer.body, why)
  }
  await refused(/gzip: incorrect header/, { 'content-encoding': 'gzip' })
  await refused(/"br" not supported/, { 'content-encoding': 'br' })
  await refused(/extra_fields: "a" is not of the form/, {}, `${url}?extra_fields=a`)
})

test('above a rate, the answer says when to send again', async t => {
  const { store, entries } = await openReceiverStore(
    t,
    'auth_enabled: false\nlimits_config: {ingestion_rate_mb: 0.0001, ingestion_burst_size_mb: 0.0001}',
  )
  const payload = line({ _time: `${testDay}20Z`, _msg: 'x'.repeat(500), job: 'rate' })
  const answer = await store.app.inject({ method: 'POST', url, payload })
  t.equal(answer.statusCode, 429)
  t.ok(Number(answer.headers['retry-after']) >= 1)
  t.match(answer.body, /^line 1: Ingestion rate limit exceeded/)
  t.same(await entries('{job="rate"}'), [])
})

test('a cut body keeps what came, and a repeat adds nothing twice', async t => {
  const { store, entries } = await openReceiverStore(t)
  const { hostname, port } = new URL(store.url)
  const sending = request({ hostname, port, path: url, method: 'POST' })
  sending.on('error', () => undefined)
  const lines = Array.from({ length: 20 }, (_, i) =>
    line({ _time: `${testDay}3${i % 10}.${i}Z`, _msg: `cut ${i}`, job: 'cut' }),
  )
  sending.write(lines.slice(0, 10).join('') + lines[10]!.slice(0, 20))
  while ((await entries('{job="cut"}')).length < 10);
  sending.destroy()
  await store.app.inject({ method: 'POST', url, payload: lines.join('') })
  t.equal((await entries('{job="cut"}')).length, 20)
})

test('a body that lasts holds what is not stored yet, and not what was', async t => {
  const { store, entries } = await openReceiverStore(t, 'auth_enabled: false')
  const { hostname, port } = new URL(store.url)
  const sending = request({ hostname, port, path: url, method: 'POST' })
  const answered = once(sending, 'response')
  const lines = Array.from({ length: 2000 }, (_, i) =>
    line({ _time: `${testDay}40Z`, _msg: `${i}${'x'.repeat(1000)}`, job: 'lasting' }),
  )
  sending.write(lines.join(''))
  while ((await entries('{job="lasting"}')).length < 2000);
  const least = 16 * 1024
  t.equal(await pendingBytes(store, bytes => bytes === least), least)
  const mib = 1024 * 1024
  sending.write(`{"_msg":"${'x'.repeat(2 * mib)}`)
  t.ok((await pendingBytes(store, bytes => bytes > 2 * mib)) > 2 * mib, 'an unfinished line counts')
  sending.end('"}\n')
  const [response] = await answered
  t.equal(response.statusCode, 400, 'the line is too long')
  response.resume()
  t.equal(await pendingBytes(store, bytes => bytes === 0), 0)
})

test('a sender that is refused in the middle of its body gets the answer, and keeps no store from stopping', async t => {
  const { store } = await openReceiverStore(
    t,
    'auth_enabled: false\nlimits_config: {ingestion_rate_mb: 0.0001, ingestion_burst_size_mb: 0.0001}',
  )
  const { hostname, port } = new URL(store.url)
  // A window of gzip does not find the line again, so that much has to arrive.
  const many = line({ _time: `${testDay}41Z`, _msg: randomBytes(100_000).toString('base64') })
  const body = Buffer.from(many.repeat(20))
  for (const [payload, headers] of [
    [body, {}],
    [gzipSync(body), { 'content-encoding': 'gzip' }],
  ] as const) {
    const sending = request({ hostname, port, path: url, method: 'POST', headers })
    sending.on('error', () => undefined)
    const answered = once(sending, 'response')
    let isAnswered = false
    void answered.then(() => {
      isAnswered = true
    })
    // The sender goes on until it is told to stop.
    for (let i = 0; i < 20 && !isAnswered; i++) {
      if (!sending.write(payload)) await Promise.race([once(sending, 'drain'), answered])
    }
    const [response] = await answered
    t.equal(response.statusCode, 429)
    let text = ''
    for await (const chunk of response) text += chunk
    t.match(text, /^line 1: Ingestion rate limit exceeded/)
    sending.destroy()
    // A connection that nobody reads would stay, and a stop would wait for it.
    const connections = () =>
      new Promise<number>((resolve, reject) =>
        store.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      )
    for (let i = 0; i < 200 && (await connections()) > 0; i++) await sleep(10)
    t.equal(await connections(), 0)
  }
})
