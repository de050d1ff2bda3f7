// Datadog's log intake, as its agents and libraries use it.

import { gzipSync, zstdCompressSync } from 'node:zlib'
import { t as root, test } from 'tap'
import { openReceiverStore, testDay } from '../receiver-store.ts'

root.setTimeout(120_000)

const url = '/api/v2/logs'
const json = { 'content-type': 'application/json', 'dd-api-key': 'k' }
const timestamp = Date.parse(`${testDay}01Z`)

test('logs of an agent', async t => {
  const { store, entries } = await openReceiverStore(t)
  const send = async (path: string, payload: string | Buffer, headers = {}) => {
    const answer = await store.app.inject({
      method: 'POST',
      url: path,
      headers: { ...json, ...headers },
      payload,
    })
    t.same([answer.statusCode, answer.body], [202, '{}'], path)
  }
  const log = {
    message: 'paid',
    status: 'error',
    timestamp,
    hostname: 'web-1',
    service: 'shop',
    ddsource: 'nodejs',
    ddtags: 'env:prod,kube_namespace:cart,team:a,team:b,canary,version:1.2',
  }
  const body = JSON.stringify([log, { ...log, message: 'again' }])
  await send(url, body)
  await send(url, gzipSync(body), { 'content-encoding': 'gzip' })
  await send('/v1/input', zstdCompressSync(body), { 'content-encoding': 'zstd' })
  await send('/v1/input/0123456789', JSON.stringify(log))
  const found = await entries(
    '{service_name="shop", source="nodejs", environment="prod", namespace="cart"}',
  )
  t.same(found.map(({ line }) => line).sort(), ['again', 'paid'])
  t.match(found[0]!.stream, {
    host: 'web-1',
    detected_level: 'error',
    team: 'a,b',
    ddtags: 'canary',
    version: '1.2',
  })

  await send(url, '{}')
  await send(url, '[]')
  await send(url, '')
  await send(`${url}?ddsource=bash&service=cron&ddtags=env:dev`, 'one\ntwo\n', {
    'content-type': 'text/plain',
  })
  t.equal((await entries('{service_name="cron", environment="dev"}', 'now')).length, 2)
})

test('what is wrong is named, the rest is stored', async t => {
  const { store, entries } = await openReceiverStore(
    t,
    'auth_enabled: false\nlimits_config: {max_line_size: 10}',
  )
  const refused = async (payload: string, detail: RegExp, headers = {}) => {
    const answer = await store.app.inject({
      method: 'POST',
      url,
      headers: { ...json, ...headers },
      payload,
    })
    t.equal(answer.statusCode, 400)
    t.match(answer.json().errors, [{ detail, status: '400' }])
  }
  await refused('{', /the body is not JSON/)
  await refused('{}', /content type application\/logplex-1 is not supported/, {
    'content-type': 'application/logplex-1',
  })
  const log = (message: string, rest = {}) => ({ message, timestamp, service: 'partial', ...rest })
  await refused(
    JSON.stringify([log('good'), 7, log('longer than ten'), log('fine')]),
    /^2 refused, 2 stored: log 2: a log is not a JSON object; log 3: Max entry size/,
  )
  t.same((await entries('{service_name="partial"}')).map(({ line }) => line).sort(), [
    'fine',
    'good',
  ])
})

test('a list is read log by log, and has an end', async t => {
  const { store, entries } = await openReceiverStore(t)
  const post = async (payload: string, headers: Record<string, string> = json) => {
    const packed = { ...headers, 'content-encoding': 'gzip' }
    const answer = await store.app.inject({
      ...{ method: 'POST', url, headers: packed, payload: gzipSync(payload) },
    })
    return [answer.statusCode, answer.json().errors?.[0].detail ?? '']
  }
  const log = (message: string) => JSON.stringify({ message, timestamp, service: 'list' })
  t.same(await post(` [ ${log('a, ] } "b" \\')} ,\n${log('[{')} ] \n`), [202, ''])
  t.same(await post('[ ]'), [202, ''])
  t.same(await post('[{},{}]'), [202, ''])
  const notJson = async (payload: string, why: RegExp) =>
    t.match(await post(payload), [400, why], payload)
  await notJson(`[${log('x')}`, /the body is not JSON: the list does not end/)
  await notJson(`[${log('x')}]]`, /not JSON: something comes after the list/)
  await notJson(`[${log('x')}}`, /not JSON: the list does not end/)
  await notJson(`[${log('x')},]`, /not JSON: log 2: /)
  await notJson(`[,${log('x')}]`, /not JSON: log 1: /)
  const long = log('x'.repeat(4 * 1024 * 1024))
  t.match(await post(`[${long},${log('next')}]`), [
    400,
    '1 refused, 1 stored: log 1: longer than 4194304 bytes',
  ])
  t.match(await post(long), [400, /log 1: longer than 4194304 bytes/])
  const tooMany = [413, /more than 200000 entries/]
  t.match(await post(`[${'{},'.repeat(200_000)}{}]`), tooMany)
  t.match(await post('a\n'.repeat(200_001), { 'content-type': 'text/plain' }), tooMany)
  const lines = (await entries('{service_name="list"}')).map(({ line }) => line).sort()
  t.same(lines, ['[{', 'a, ] } "b" \\', 'next'])
})

test('limits and tenants', async t => {
  const { store } = await openReceiverStore(
    t,
    'auth_enabled: true\nlimits_config: {ingestion_rate_mb: 0.0001, ingestion_burst_size_mb: 0.0001}',
  )
  const payload = JSON.stringify({ message: 'x'.repeat(500) })
  const post = (headers: Record<string, string>) =>
    store.app.inject({ method: 'POST', url, headers: { ...json, ...headers }, payload })
  t.equal((await post({})).statusCode, 401)
  const limited = await post({ 'x-scope-orgid': 'a' })
  t.equal(limited.statusCode, 429)
  t.ok(Number(limited.headers['retry-after']) >= 1)
})
