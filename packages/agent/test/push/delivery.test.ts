// What happens to lines when a server does not simply accept them.

import { once } from 'node:events'
import { appendFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, test } from 'tap'
import {
  configText,
  lines,
  noise,
  type ReceivedPush,
  spawnAgent,
  startReceiver,
  startTestAgent,
  text,
  waitFor,
} from '../harness.ts'

// For the whole file.
root.setTimeout(170_000)

const lineOf = ({ line }: { readonly line: string }) => line
const byStream = `    pipeline_stages: [{regex: {expression: '^(?P<app>\\w+)'}}, {labels: {app: }}]`

test('A bad entry in a push costs only that entry', async t => {
  const good = [...lines('alpha', 1, 400), ...lines('gamma', 1, 400)]
  const mixed = [...lines('beta', 1, 200), 'beta never', ...lines('beta', 201, 400)]
  const directory = t.testdir({
    'a.log': text([...good.slice(0, 400), ...mixed, ...good.slice(400)]),
  })
  const receiver = await startReceiver(t)
  receiver.answer(({ entries }) => (entries.some(({ line }) => line === 'beta never') ? 400 : 204))
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url, job: byStream }))
  await receiver.until(() => receiver.entries.length === 1200)
  t.strictSame(
    receiver.entries.map(lineOf).filter(line => line.startsWith('beta')),
    lines('beta', 1, 400),
    'the stream of the bad entry is whole and in order',
  )
  t.strictSame(
    receiver.entries
      .map(lineOf)
      .filter(line => !line.startsWith('beta'))
      .toSorted(),
    good.toSorted(),
  )
  const metrics = await agent.metrics.registry.metrics()
  t.match(metrics, /promtail_dropped_entries_total\{[^}]*reason="ingester_error"[^}]*\} 1\n/)
  t.ok(receiver.refusals <= 12, `${receiver.refusals} refused requests find one of 1,201 entries`)
})

test('A push rejected as a whole is dropped after a limited number of requests', async t => {
  const directory = t.testdir({ 'a.log': text(lines('n', 1, 5000)) })
  const receiver = await startReceiver(t)
  receiver.respond(422)
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url }))
  const dropped = /promtail_dropped_entries_total\{[^}]*reason="ingester_error"[^}]*\} 5000\n/
  await waitFor(async () => dropped.test(await agent.metrics.registry.metrics()))
  t.ok(receiver.refusals <= 2 * 160 + 1, `${receiver.refusals} requests for 5,000 entries`)
  receiver.respond(204)
  appendFileSync(`${directory}/a.log`, 'later\n')
  await receiver.until(() => receiver.entries.length === 1)
})

test('A push that is too large is split until it fits, and later ones are smaller', async t => {
  const pad = 'x'.repeat(500)
  const all = lines('n', 1, 3000).map(line => `${line} ${pad}`)
  const directory = t.testdir({ 'a.log': text(all) })
  const receiver = await startReceiver(t)
  receiver.answer(({ entries }) => (entries.length > 200 ? 413 : 204))
  await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.entries.length === 3000)
  t.strictSame(receiver.entries.map(lineOf), all)
  const before = receiver.refusals
  appendFileSync(`${directory}/a.log`, text(all))
  await receiver.until(() => receiver.entries.length === 6000)
  t.ok(
    receiver.refusals - before < before / 2,
    `${before} refusals, then ${receiver.refusals - before}`,
  )
})

test('A push is retried for as long as the way to the server is at fault', async t => {
  const directory = t.testdir({ 'a.log': 'kept\n' })
  const receiver = await startReceiver(t)
  const statuses = [401, 403, 404, 405, 302, 303, 429, 500, 502, 503, 504, 408]
  let at = 0
  receiver.answer(() => statuses[at++] ?? 204)
  await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(receiver.refusals, statuses.length)
})

test('A push follows redirects with its body, and reveals its secret to nobody else', async t => {
  const directory = t.testdir({ 'a.log': '' })
  const behind = await startReceiver(t)
  const front = await startReceiver(t)
  const secrets: (string | undefined)[] = []
  behind.answer(({ request }) => {
    secrets.push(request.headers.authorization)
    return 204
  })
  const config = configText({ directory, url: front.url }).replace(
    'batchwait: 20ms',
    'batchwait: 20ms\n    bearer_token: hush',
  )
  await startTestAgent(t, config)
  for (const [i, status] of [301, 302, 307, 308].entries()) {
    front.answer(({ request, response }) => {
      secrets.push(request.headers.authorization)
      response.writeHead(status, { location: behind.url }).end()
      return undefined
    })
    appendFileSync(`${directory}/a.log`, `${status}\n`)
    await behind.until(() => behind.entries.length === i + 1)
  }
  t.strictSame(behind.entries.map(lineOf), ['301', '302', '307', '308'])
  t.strictSame(new Set(secrets), new Set(['Bearer hush', undefined]))
})

test('A push with endless redirects is retried, not dropped', async t => {
  const directory = t.testdir({ 'a.log': 'kept\n' })
  const receiver = await startReceiver(t)
  let count = 0
  receiver.answer(({ response }) => {
    if (++count > 15) return 204
    response.writeHead(307, { location: receiver.url }).end()
    return undefined
  })
  await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.entries.length === 1)
  t.ok(count > 15)
})

test('Push survives garbage, silence and half an answer', async t => {
  const directory = t.testdir({ 'a.log': 'kept\n' })
  const receiver = await startReceiver(t)
  const misdeeds: ((push: ReceivedPush) => void)[] = [
    ({ response }) => response.socket!.end('\u0000\u0001 garbage that is no answer\r\n\r\n'),
    ({ response }) => response.socket!.destroy(),
    ({ response }) => response.socket!.end('HTTP/1.1 50'),
    ({ response }) => {
      response.writeHead(500, { 'content-length': '1000' })
      response.write('half of it', () => response.socket!.destroy())
    },
    // Never answers: the client's timeout ends it.
    () => undefined,
    ({ response }) => {
      response.writeHead(503)
      const timer = setInterval(() => response.write('drip '), 50)
      response.on('close', () => clearInterval(timer))
    },
    ({ response }) => {
      response.writeHead(500)
      const flood = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        if (!response.destroyed) response.once('drain', flood)
      }
      response.on('error', () => undefined)
      flood()
    },
  ]
  let at = 0
  receiver.answer(push => {
    const misdeed = misdeeds[at++]
    if (!misdeed) return 204
    misdeed(push)
    return undefined
  })
  const config = configText({ directory, url: receiver.url })
  await startTestAgent(t, config.replace('batchwait: 20ms', 'batchwait: 20ms\n    timeout: 400ms'))
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(at, misdeeds.length + 1, 'each was asked once')
})

test('A push counts as accepted by its status, whatever happens to the body', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const receiver = await startReceiver(t)
  receiver.answer(({ response }) => {
    response.writeHead(200)
    response.write('a body that does not end')
    return 200
  })
  await startTestAgent(t, configText({ directory, url: receiver.url }))
  const startedMs = performance.now()
  await receiver.until(() => receiver.entries.length === 1)
  appendFileSync(`${directory}/a.log`, '2\n')
  await receiver.until(() => receiver.entries.length === 2)
  t.ok(performance.now() - startedMs < 5_000)
  await sleep(200)
  t.strictSame(receiver.entries.map(lineOf), ['1', '2'], 'none was sent twice')
})

test('Clients do not wait for each other, and each has its own position', async t => {
  const directory = t.testdir({ 'a.log': text(lines('n', 1, 100)) })
  const up = await startReceiver(t)
  const down = await startReceiver(t)
  down.respond(503)
  const config = `${directory}/agent.yaml`
  const second = `  - url: ${down.url}
    batchwait: 20ms
    backoff_config: {min_period: 20ms, max_period: 50ms}
target_config:`
  writeFileSync(config, configText({ directory, url: up.url }).replace('target_config:', second))
  const first = await spawnAgent(t, config)
  await up.until(() => up.entries.length === 100)
  await waitFor(() => down.refusals > 2)
  await sleep(300)
  first.kill('SIGKILL')
  await once(first, 'exit')
  down.respond(204)
  const again = await spawnAgent(t, config)
  appendFileSync(`${directory}/a.log`, 'last\n')
  await down.until(() => down.entries.length === 101)
  await up.until(() => up.entries.length === 101)
  t.strictSame(up.entries.map(lineOf), [...lines('n', 1, 100), 'last'])
  t.strictSame(down.entries.map(lineOf), [...lines('n', 1, 100), 'last'])
  again.kill('SIGTERM')
  await once(again, 'exit')
})

test('Tenants do not wait for each other: one whose pushes fail holds up only its own files', async t => {
  const stuck = noise(15_000)
  const directory = t.testdir({ 'stuck.log': text(stuck), 'free.log': '' })
  const receiver = await startReceiver(t)
  receiver.answer(({ request }) => (request.headers['x-scope-orgid'] === 'stuck' ? 429 : 204))
  const job = `    pipeline_stages:
      - regex: {source: filename, expression: '/(?P<name>\\w+)\\.log$'}
      - tenant: {source: name}`
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url, job }))
  const readOf = (name: string) =>
    agent.files().find(({ path }) => path.endsWith(name))?.readOffset ?? 0
  await waitFor(async () => {
    const before = readOf('stuck.log')
    await sleep(300)
    return before > 4_000_000 && readOf('stuck.log') === before
  })
  t.ok(readOf('stuck.log') < 24_000_000, 'its file waits')
  for (let i = 0; i < 5; i++) {
    appendFileSync(`${directory}/free.log`, text(noise(2_000)))
    await receiver.until(() => receiver.entries.length === 2_000 * (i + 1))
  }
  t.equal(new Set(receiver.entries.map(({ tenant }) => tenant)).size, 1)
  receiver.answer(undefined)
  await receiver.until(() => receiver.entries.length === 25_000)
  t.strictSame(
    receiver.entries.filter(({ tenant }) => tenant === 'stuck').map(lineOf),
    stuck,
    'and goes on where it was',
  )
})

test('SIGTERM ends the agent in time whatever the server does', async t => {
  const ways: Record<string, (push: ReceivedPush) => number | undefined> = {
    'never answers': () => undefined,
    'drips its answer': ({ response }) => {
      response.writeHead(503)
      const timer = setInterval(() => response.write('.'), 20)
      response.on('close', () => clearInterval(timer))
      return undefined
    },
    'asks for patience': ({ response }) => {
      response.writeHead(429, { 'retry-after': '3600' }).end()
      return undefined
    },
    'is gone': ({ response }) => {
      response.socket!.destroy()
      return undefined
    },
  }
  const root = t.testdir(Object.fromEntries(Object.keys(ways).map(name => [name, {}])))
  await Promise.all(
    Object.entries(ways).map(async ([name, way]) => {
      const directory = `${root}/${name}`
      writeFileSync(`${directory}/a.log`, text(lines('n', 1, 1000)))
      const receiver = await startReceiver(t)
      receiver.answer(way)
      const config = `${directory}/agent.yaml`
      writeFileSync(config, configText({ directory, url: receiver.url }))
      const agent = await spawnAgent(t, config)
      await waitFor(() => receiver.refusals > 0)
      const startedMs = performance.now()
      agent.kill('SIGTERM')
      const [code] = await once(agent, 'exit')
      const seconds = (performance.now() - startedMs) / 1000
      t.equal(code, 0, `a server that ${name}: ends well`)
      t.ok(seconds < 10, `a server that ${name}: after ${seconds.toFixed(1)} s`)
    }),
  )
})

test('Client gets a token of an OAuth 2 server, keeps it, and a new one when it is refused', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const asked: string[] = []
  const tokens = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      asked.push(`${request.headers.authorization} ${body}`)
      const token = {
        access_token: `token-${asked.length}`,
        token_type: 'bearer',
        expires_in: 3600,
      }
      response.end(JSON.stringify(token, undefined, 2))
    })
  })
  tokens.listen(0, '127.0.0.1')
  await once(tokens, 'listening')
  t.teardown(() => tokens.close())
  const receiver = await startReceiver(t)
  let valid = 'Bearer token-1'
  receiver.answer(({ request }) => (request.headers.authorization === valid ? 204 : 401))
  const oauth = `batchwait: 20ms
    oauth2:
      client_id: me
      client_secret: s3cret
      token_url: http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token
      scopes: [logs]
      endpoint_params: {audience: loki}`
  await startTestAgent(
    t,
    configText({ directory, url: receiver.url }).replace('batchwait: 20ms', oauth),
  )
  await receiver.until(() => receiver.entries.length === 1)
  appendFileSync(`${directory}/a.log`, '2\n')
  await receiver.until(() => receiver.entries.length === 2)
  t.equal(asked.length, 1)
  t.equal(
    asked[0],
    `Basic ${btoa('me:s3cret')} grant_type=client_credentials&audience=loki&scope=logs`,
  )
  valid = 'Bearer token-2'
  appendFileSync(`${directory}/a.log`, '3\n')
  await receiver.until(() => receiver.entries.length === 3)
  t.equal(asked.length, 2)
})

test('Client goes through a proxy, and reads its header files for each request', async t => {
  const directory = t.testdir({ 'a.log': '1\n', key: 'one\n' })
  const receiver = await startReceiver(t)
  const seen: string[] = []
  receiver.answer(({ request }) => {
    seen.push(`${request.url} ${request.headers['x-key']}`)
    return 204
  })
  const config = configText({ directory, url: 'http://loki.invalid:3100/loki/api/v1/push' })
  const proxied = `batchwait: 20ms
    proxy_url: ${new URL(receiver.url).origin}
    http_headers: {X-Key: {files: ["${directory}/key"]}}`
  await startTestAgent(t, config.replace('batchwait: 20ms', proxied))
  await receiver.until(() => receiver.entries.length === 1)
  writeFileSync(`${directory}/key`, 'two\n')
  appendFileSync(`${directory}/a.log`, '2\n')
  await receiver.until(() => receiver.entries.length === 2)
  const url = 'http://loki.invalid:3100/loki/api/v1/push'
  t.strictSame(seen, [`${url} one`, `${url} two`])
})
