// Effects of a client's settings on its pushes.

import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { configText, lines, startReceiver, startTestAgent, text } from '../harness.ts'

/** Starts an agent that reads `a.log` with further settings of its client, and a receiver for it. */
async function startWith(t: Test, settings: string, { top = '', job = '', content = 'x\n' } = {}) {
  const directory = t.testdir({ 'a.log': content })
  const receiver = await startReceiver(t)
  const config = configText({ directory, url: receiver.url, top, job })
  const start = () =>
    startTestAgent(t, config.replace('batchwait: 20ms', `batchwait: 20ms\n    ${settings}`))
  return { directory, receiver, start }
}

test('Client adds external labels, which replace none of the entry', async t => {
  const { directory, receiver, start } = await startWith(
    t,
    'external_labels: {cluster: eu, job: outer}',
  )
  await start()
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(receiver.entries[0]?.labels, `{cluster="eu", filename="${directory}/a.log", job="test"}`)
})

test('Client sends the headers, the tenant and the protobuf with Snappy that it is told to', async t => {
  const { receiver, start } = await startWith(t, 'headers: {X-Own: "1"}\n    tenant_id: team')
  let headers: Record<string, unknown> = {}
  receiver.answer(({ request }) => {
    headers = request.headers
    return 204
  })
  await start()
  await receiver.until(() => receiver.entries.length === 1)
  t.match(headers, {
    'x-own': '1',
    'x-scope-orgid': 'team',
    'content-type': 'application/x-protobuf',
    'user-agent': /^(promtail|skald)/,
  })
})

test('Client sends a tenant and an authorization given among its headers', async t => {
  const headers = 'headers: {X-Scope-OrgID: by-header, Authorization: own}'
  for (const [keys, tenant, authorization] of [
    [headers, 'by-header', 'own'],
    [`${headers}\n    tenant_id: team\n    bearer_token: t`, 'team', 'own'],
  ] as const) {
    const { receiver, start } = await startWith(t, keys)
    let seen: Record<string, unknown> = {}
    receiver.answer(({ request }) => {
      seen = request.headers
      return 204
    })
    await start()
    await receiver.until(() => receiver.entries.length === 1)
    t.match(seen, { 'x-scope-orgid': tenant, authorization })
  }
})

test('Clients without names that share a URL each get all lines', async t => {
  const receiver = await startReceiver(t)
  const { url } = receiver
  const directory = t.testdir({ 'a.log': '1\n' })
  const config = configText({ directory, url }).replace(
    /clients:\n/,
    `clients:\n  - {url: "${url}", batchwait: 20ms, tenant_id: one}\n`,
  )
  await startTestAgent(t, config)
  await receiver.until(() => receiver.entries.length === 2)
  t.same(receiver.entries.map(({ tenant }) => tenant ?? '').sort(), ['', 'one'])
})

test('Client shows its name and password, or its token', async t => {
  const want: Record<string, string> = {
    'basic_auth: {username: ann, password: "p:w é"}': 'Basic YW5uOnA6dyDDqQ==',
    'bearer_token: abc.def': 'Bearer abc.def',
    'authorization: {type: Token, credentials: t1}': 'Token t1',
  }
  for (const [settings, authorization] of Object.entries(want)) {
    const { receiver, start } = await startWith(t, settings)
    let seen: string | undefined
    receiver.answer(({ request }) => {
      seen = request.headers.authorization
      return 204
    })
    const agent = await start()
    await receiver.until(() => receiver.entries.length === 1)
    t.equal(seen, authorization, settings)
    await agent.stop()
  }
})

test('Client reads its password file for each request', async t => {
  const directory = t.testdir({ 'a.log': '1\n', password: 'old\n' })
  const receiver = await startReceiver(t)
  const basic = (password: string) => `Basic ${btoa(`ann:${password}`)}`
  receiver.answer(({ request }) => (request.headers.authorization === basic('new') ? 204 : 401))
  const settings = `batchwait: 20ms
    basic_auth: {username: ann, password_file: "${directory}/password"}`
  await startTestAgent(
    t,
    configText({ directory, url: receiver.url }).replace('batchwait: 20ms', settings),
  )
  await receiver.until(() => receiver.refusals > 1)
  writeFileSync(`${directory}/password`, 'new\n')
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(receiver.entries[0]?.line, '1')
})

test('Client gives up after max_retries where it is told to', async t => {
  const directory = t.testdir({ 'a.log': 'lost\n' })
  const receiver = await startReceiver(t)
  receiver.respond(500)
  const config = configText({ directory, url: receiver.url })
  const limited = config.replace('max_period: 50ms', 'max_period: 50ms, max_retries: 3')
  const agent = await startTestAgent(t, limited)
  await receiver.until(() => receiver.refusals === 3)
  await sleep(300)
  t.equal(receiver.refusals, 3)
  const metrics = await agent.metrics.registry.metrics()
  t.match(metrics, /promtail_dropped_entries_total\{[^}]*reason="ingester_error"\} 1/)
})

test('Client drops what was answered with 429 where it is told to, and waits otherwise', async t => {
  const dropping = await startWith(t, 'drop_rate_limited_batches: true')
  dropping.receiver.respond(429)
  const agent = await dropping.start()
  await dropping.receiver.until(() => dropping.receiver.refusals === 1)
  await sleep(300)
  t.equal(dropping.receiver.refusals, 1)
  const metrics = await agent.metrics.registry.metrics()
  t.match(metrics, /promtail_dropped_entries_total\{[^}]*reason="rate_limited"\} 1/)
  await agent.stop()
  const waiting = await startWith(t, '')
  waiting.receiver.respond(429)
  await waiting.start()
  await waiting.receiver.until(() => waiting.receiver.refusals > 1)
  waiting.receiver.respond(204)
  await waiting.receiver.until(() => waiting.receiver.entries.length === 1)
})

test('Client sends entries of a tenant of their own as that tenant', async t => {
  const job = `    pipeline_stages:
      - json: {expressions: {customer: }}
      - tenant: {source: customer}`
  const content = '{"customer":"c1"}\n{"customer":12}\nnone\n'
  const { receiver, start } = await startWith(t, 'tenant_id: default', { job, content })
  await start()
  await receiver.until(() => receiver.entries.length === 3)
  t.same(receiver.entries.map(({ tenant, line }) => `${tenant} ${line}`).toSorted(), [
    '12 {"customer":12}',
    'c1 {"customer":"c1"}',
    'default none',
  ])
})

test('Lines over max_line_size are cut where it is told to, and counted', async t => {
  const top = 'limits_config: {max_line_size: 10b, max_line_size_truncate: true}'
  const content = text(['short', 'exactly-10', 'longer than ten', 'end'])
  const { receiver, start } = await startWith(t, '', { top, content })
  const agent = await start()
  await receiver.until(() => receiver.entries.length === 4)
  t.same(
    receiver.entries.map(({ line }) => line),
    ['short', 'exactly-10', 'longer tha', 'end'],
  )
  const metrics = await agent.metrics.registry.metrics()
  t.match(metrics, /promtail_mutated_entries_total\{[^}]*reason="line_too_long"\} 1/)
  t.match(metrics, /promtail_mutated_bytes_total\{[^}]*reason="line_too_long"\} 5/)
})

test('The limit on lines of the whole agent drops or waits as it is told to', async t => {
  const limit = (rate: number, drops: boolean) =>
    `limits_config: {readline_rate_enabled: true, readline_rate: ${rate}, readline_burst: 4, readline_rate_drop: ${drops}}`
  const content = text(lines('n', 1, 10))
  const dropping = await startWith(t, '', { top: limit(0.001, true), content })
  const agent = await dropping.start()
  await dropping.receiver.until(() => dropping.receiver.entries.length === 4)
  const metrics = await agent.metrics.registry.metrics()
  t.match(metrics, 'logentry_dropped_lines_total{reason="global_rate_limiter_drop"} 6')
  await agent.stop()
  const waiting = await startWith(t, '', { top: limit(10, false), content })
  const startedMs = performance.now()
  await waiting.start()
  await waiting.receiver.until(() => waiting.receiver.entries.length === 10)
  const ms = performance.now() - startedMs
  t.ok(ms > 400, `six lines over the burst, ten a second, took ${ms.toFixed()} ms`)
})
