// A store's answers to bad input over a real socket: a clear error, after which it keeps running
// and has everything that was valid.

import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { createLabelSet, snappyCompress } from '@skald/wire'
import { encodePushRequest } from '@skald/wire/push-codec'
import { t as root, test } from 'tap'
import { flattenStreams, startStore, type TestStore } from './harness.ts'

root.setTimeout(170_000)

const protobufType = 'application/x-protobuf'

function makeBody(line: string, labels: Record<string, string> = { job: 'http' }): Buffer {
  const entry = { timestampNs: BigInt(Date.now()) * 1_000_000n, line }
  return encodePushRequest([{ labels: createLabelSet(labels), entries: [entry] }])
}

async function listLines(store: TestStore, logql = '{job="http"}'): Promise<string[]> {
  const nowMs = Date.now()
  const data = await store.query('query_range', {
    query: logql,
    start: `${nowMs - 300_000}000000`,
    end: `${nowMs + 60_000}000000`,
    limit: '1000',
    direction: 'forward',
  })
  return flattenStreams(data).map(entry => entry.line)
}

test('Store rejects unreadable bodies and keeps running', async t => {
  const store = await startStore(t, { dir: t.testdir() })
  const good = snappyCompress(makeBody('x'.repeat(5_000)))
  const nowNs = `${Date.now()}000000`
  const refuse = async (
    what: string,
    body: Buffer | string,
    type = protobufType,
    status: readonly number[] = [400],
  ) => {
    const answer = await store.pushBytes(body, type)
    t.ok(status.includes(answer.status), `${what}: ${answer.status} ${answer.body.slice(0, 120)}`)
    t.ok(answer.body.length > 3, `${what}: the answer says why`)
  }

  await refuse('garbage', Buffer.from('this is no snappy block at all'))
  await refuse('empty body', Buffer.alloc(0), protobufType, [400, 422])
  await refuse('cut snappy', good.subarray(0, good.length - 7))
  await refuse(
    'declared length of 4 GB',
    Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 65]),
    protobufType,
    [400, 413],
  )
  await refuse('declared length too long', Buffer.from([0xa0, 0x1f, 0, 65]))
  await refuse('framed snappy', Buffer.from('\xff\x06\x00\x00sNaPpY', 'latin1'))
  await refuse(
    'garbage in good snappy',
    snappyCompress(Buffer.from('\x0a\xff\xff\xff\xff', 'latin1')),
  )
  await refuse('wrong wire type', snappyCompress(Buffer.from([0x08, 0x01])))
  await refuse('cut protobuf', snappyCompress(makeBody('a line').subarray(0, 20)))
  await refuse('no streams', snappyCompress(Buffer.alloc(0)), protobufType, [400, 422])
  await refuse('text as protobuf', 'hello', 'text/plain')
  await refuse('a content type that is none', 'hello', ';;;', [400, 415])
  await refuse('JSON that is none', '{"streams":[', 'application/json')
  await refuse('JSON of wrong shape', '{"streams":{"a":1}}', 'application/json')
  await refuse(
    'JSON number as time',
    '{"streams":[{"stream":{"a":"b"},"values":[[1,"x"]]}]}',
    'application/json',
  )
  await refuse(
    'JSON number as line',
    `{"streams":[{"stream":{"a":"b"},"values":[["${nowNs}",1]]}]}`,
    'application/json',
  )
  await refuse(
    'bad label name',
    `{"streams":[{"stream":{"a-b":"c"},"values":[["${nowNs}","x"]]}]}`,
    'application/json',
  )
  const manyLabels = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`l${i}`, 'v']))
  await refuse('10,000 labels', snappyCompress(makeBody('x', manyLabels)))

  const answer = await store.pushBytes(snappyCompress(makeBody('after all that')), protobufType)
  t.equal(answer.status, 204, answer.body)
  t.strictSame(await listLines(store), ['after all that'])
})

test('Store keeps the valid streams of a push that it rejects in part', async t => {
  const store = await startStore(t, {
    dir: t.testdir(),
    config: 'limits_config:\n  reject_old_samples: true\n',
  })
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const answer = await store.push([
    { labels: createLabelSet({ job: 'http' }), entries: [{ timestampNs: nowNs, line: 'valid' }] },
    {
      labels: createLabelSet({ job: 'http', part: 'long' }),
      entries: [
        { timestampNs: nowNs, line: 'x'.repeat(300_000) },
        { timestampNs: nowNs + 1n, line: 'valid next to the long one' },
      ],
    },
    {
      labels: createLabelSet({ job: 'http', part: 'old' }),
      entries: [{ timestampNs: nowNs - 30n * 86_400_000_000_000n, line: 'too old' }],
    },
  ])
  t.equal(answer.status, 400)
  t.match(answer.body, /too old/)
  t.match(answer.body, /Max entry size '262144' bytes exceeded/)
  t.strictSame(await listLines(store), ['valid', 'valid next to the long one'])
})

test('Store reads a gzipped JSON push', async t => {
  const store = await startStore(t, { dir: t.testdir() })
  const body = `{"streams":[{"stream":{"job":"http"},"values":[["${Date.now()}000000","packed"]]}]}`
  const answer = await store.request('/loki/api/v1/push', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    body: new Uint8Array(gzipSync(body)),
  })
  t.equal(answer.status, 204, answer.body)
  t.strictSame(await listLines(store), ['packed'])
})

test('Store answers wrong methods, paths and queries with 4xx', async t => {
  const store = await startStore(t, { dir: t.testdir() })
  const ask = async (path: string, status: readonly number[], init?: RequestInit) => {
    const answer = await store.request(path, init)
    const method = init?.method ?? 'GET'
    t.ok(
      status.includes(answer.status),
      `${method} ${path}: ${answer.status} ${answer.body.slice(0, 100)}`,
    )
    return answer
  }
  await ask('/loki/api/v1/push', [404, 405])
  await ask('/loki/api/v1/push', [404, 405], { method: 'DELETE' })
  await ask('/loki/api/v1/nothing', [404])
  await ask('/loki/api/v1/query_range', [400])
  const syntax = await ask(
    `/loki/api/v1/query_range?query=${encodeURIComponent('{job="a"')}`,
    [400],
  )
  t.match(syntax.body, /parse error at line 1, col \d+/)
  const start = '/loki/api/v1/query_range?query=%7Bjob%3D%22a%22%7D'
  await ask(`${start}&limit=-1`, [400])
  await ask(`${start}&limit=x`, [400])
  await ask(`${start}&start=x`, [400])
  await ask(`${start}&direction=sideways`, [400])
  const backwards = await ask(`${start}&start=2000000000&end=1000000000`, [400])
  t.match(backwards.body, /end timestamp must not be before or equal to start time/)
  await ask('/ready', [200])
})

test('Store rejects a body over the limit before it has arrived', async t => {
  const store = await startStore(t, { dir: t.testdir() })
  const { hostname, port } = new URL(store.url)
  const status = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.setTimeout(10_000, () => reject(new Error(`no answer, only ${JSON.stringify(text)}`)))
    socket.on('error', reject)
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
      if (!text.includes('\r\n')) return
      socket.destroy()
      resolve(text.slice(0, text.indexOf('\r\n')))
    })
    socket.write(
      `POST /loki/api/v1/push HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: ${protobufType}\r\n` +
        'Content-Length: 3000000000\r\n\r\nsome',
    )
  })
  t.match(status, /^HTTP\/1.1 413 /)
  t.equal((await store.pushBytes(snappyCompress(makeBody('small')), protobufType)).status, 204)
})

test('Store survives clients that disconnect in the middle of a body', async t => {
  const store = await startStore(t, { dir: t.testdir() })
  const { hostname, port } = new URL(store.url)
  for (let i = 0; i < 20; i++) {
    await new Promise<void>(resolve => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          `POST /loki/api/v1/push HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: ${protobufType}\r\n` +
            'Content-Length: 100000\r\n\r\npartial',
          () => socket.destroy(),
        )
      })
      socket.on('close', () => resolve())
    })
  }
  t.equal((await store.pushBytes(snappyCompress(makeBody('still here')), protobufType)).status, 204)
  t.strictSame(await listLines(store), ['still here'])
})
