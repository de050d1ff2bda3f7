import { test } from 'tap'
import { startTestStore } from '../harness.ts'

test('unknown paths are 404 in plain text', async t => {
  const store = await startTestStore(t)
  for (const url of ['/loki/api/v1/nothing', '/loki/api/v1/label/x', '/READY']) {
    const { statusCode, body, headers } = await store.app.inject({ url })
    t.equal(statusCode, 404, url)
    t.equal(body, '404 page not found\n')
    t.equal(headers['content-type'], 'text/plain; charset=utf-8')
  }
})

test('known paths reject other methods with 405', async t => {
  const store = await startTestStore(t)
  const refused = async (method: 'POST' | 'DELETE', url: string, allow: RegExp) => {
    const { statusCode, headers } = await store.app.inject({ method, url })
    t.equal(statusCode, 405, `${method} ${url}`)
    t.match(headers.allow, allow)
  }
  await refused('DELETE', '/loki/api/v1/query_range', /GET.*POST/)
  await refused('DELETE', '/loki/api/v1/label/app/values', /GET/)
  await refused('POST', '/ready', /GET/)
  await refused('POST', '/metrics', /GET/)
  await refused('DELETE', '/v1/input/a-key?a=b', /POST/)
  await refused('DELETE', '/loki/api/v1/label/a%20name/values', /GET/)
  const { body } = await store.app.inject({ url: '/metrics' })
  t.match(body, /_count\{method="DELETE",route="v1_input_key",status_code="405"\} 1/)
})

test('unknown paths are not found, whatever the method', async t => {
  const store = await startTestStore(t)
  for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS'] as const) {
    for (const url of [
      '/loki/api/v1/nothing',
      '/loki/api/v1/label//x/values/more',
      '/v1/input/a/b',
    ]) {
      const { statusCode, headers } = await store.app.inject({ method, url })
      t.not(statusCode, 405, `${method} ${url}`)
      t.equal(headers.allow, undefined)
    }
  }
})

test('double slashes redirect to the clean path', async t => {
  const store = await startTestStore(t)
  const { statusCode, headers } = await store.app.inject({ url: '//loki//api/v1/labels?start=1' })
  t.equal(statusCode, 301)
  t.equal(headers.location, '/loki/api/v1/labels?start=1')
})

test('a path with bad escapes is rejected, and the store keeps running', async t => {
  const store = await startTestStore(t)
  const { statusCode } = await store.app.inject({ url: '/loki/api/v1/label/%zz/values' })
  t.equal(statusCode, 400)
  t.equal((await store.get('/ready')).statusCode, 200)
})

test('forms over a megabyte are rejected with 413', async t => {
  const store = await startTestStore(t)
  const { statusCode } = await store.app.inject({
    method: 'POST',
    url: '/loki/api/v1/query_range',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: `query=${'x'.repeat(1024 * 1024)}`,
  })
  t.equal(statusCode, 413)
})

test('a prefix moves every route', async t => {
  const yaml = 'auth_enabled: false'
  const store = await startTestStore(t, { yaml, server: 'http_path_prefix: /logs/' })
  t.equal((await store.get('/logs/ready')).statusCode, 200)
  t.equal((await store.get('/ready')).statusCode, 404)
})

test('HEAD is answered like GET', async t => {
  const store = await startTestStore(t)
  for (const url of [
    '/ready',
    '/metrics',
    '/config',
    '/services',
    '/log_level',
    '/prometheus/api/v1/rules',
    '/loki/api/v1/status/buildinfo',
    '/loki/api/v1/labels',
    '/loki/api/v1/query?query=1',
    '/loki/api/v1/query_range?query={a="b"}',
  ]) {
    const { statusCode, body, headers } = await store.app.inject({ method: 'HEAD', url })
    t.same([statusCode, body], [200, ''], url)
    t.ok(Number(headers['content-length']) > 0)
  }
})

test('URLs of 60 KB are read', async t => {
  const store = await startTestStore(t)
  const query = `{app="${'x'.repeat(60_000)}"}`
  const response = await fetch(
    `${store.url}/loki/api/v1/query_range?query=${encodeURIComponent(query)}`,
  )
  t.equal(response.status, 200, await response.text())
})

test('connections stay open longer than clients keep them', async t => {
  const store = await startTestStore(t)
  const response = await fetch(`${store.url}/ready`)
  t.equal(await response.text(), 'ready\n')
  const [, seconds] = /timeout=(\d+)/.exec(response.headers.get('keep-alive') ?? '') ?? []
  t.ok(Number(seconds) > 90, `Grafana keeps them 90 s, the store ${seconds} s`)
})
