import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readParsedRules } from '@skald/config-reading/relabel'
import { createLabelSet, snappyDecompress } from '@skald/wire'
import { Registry } from 'prom-client'
import { test } from 'tap'
import type { RemoteWriteConfig, RulerLimits } from '../../src/ruler-config.ts'
import { RemoteWrite } from '../../src/rules/remote-write.ts'
import { createRulerMetrics } from '../../src/rules/ruler-metrics.ts'
import { WriteFiles } from '../../src/rules/write-files.ts'
import { queueOfFiles } from '../../src/rules/write-queue.ts'
import { encodeWriteRequest, type WriteSample } from '../../src/rules/write-request.ts'
import type { TestScope } from '../harness.ts'
import { openAccess, startReceiver } from './receiver.ts'
import { bytesOf, fieldsOf, samplesIn } from './written-samples.ts'

const sample = (app: string, timeMs: number, value: WriteSample['value'] = 1): WriteSample => ({
  labels: createLabelSet({ __name__: 'lines', app }),
  timeMs,
  value,
})

test('requests have the form of remote write 1.0', async t => {
  const body = encodeWriteRequest(
    [sample('a', 1000, 1.5), sample('b', 1000, 'stale'), sample('a', 2000, Number.NaN)],
    1,
  )
  t.same(samplesIn(body), [
    '__name__=lines,app=a 1000 1.5',
    '__name__=lines,app=a 2000 NaN',
    '__name__=lines,app=b 1000 stale',
  ])
})

test('requests of version 2.0 have each text once', async t => {
  const body = encodeWriteRequest([sample('a', 1000), sample('b', 1000)], 2)
  const fields = fieldsOf(snappyDecompress(body, 1e6))
  t.same(bytesOf(fields, 4).map(String), ['', '__name__', 'lines', 'app', 'a', 'b'])
  const refs = bytesOf(fields, 5).map(one => [...bytesOf(fieldsOf(one), 1)[0]!])
  t.same(refs, [
    [1, 2, 3, 4],
    [1, 2, 3, 5],
  ])
})

function open(
  t: TestScope,
  directory: string,
  url: string,
  more: Partial<RemoteWriteConfig> = {},
  limits: Partial<RulerLimits> = {},
) {
  const registry = new Registry()
  const logged: string[] = []
  const write = new RemoteWrite({
    config: {
      ...{
        id: '../prom',
        url,
        access: openAccess,
        timeoutMs: 2000,
        headers: new Map([['x-a', 'b']]),
      },
      relabelRules: [],
      ...{ version: 1, samplesPerSend: 100, backoffMinMs: 5, backoffMaxMs: 20, ...more },
    },
    openQueue: ({ name, onDrop }) =>
      queueOfFiles(new WriteFiles({ directory: join(directory, name), onDrop })),
    sendsTenant: true,
    limitsOf: () => limits as RulerLimits,
    metrics: createRulerMetrics(registry, true),
    log: message => logged.push(message),
    version: '1.2.3',
  })
  t.teardown(() => write.close())
  const metric = async (name: string) => {
    const found = await registry.getSingleMetric(name)!.get()
    return found.values[0]?.value
  }
  return { write, logged, metric }
}
const prefix = 'loki_ruler_wal_prometheus_remote_storage_samples'

const rulesOf = (...rules: readonly unknown[]) =>
  readParsedRules(rules, message => {
    throw new Error(message)
  })

test('samples are relabeled, or left out, by the rules of the server or else of the tenant', async t => {
  const dir = t.testdir()
  const receiver = await startReceiver(t, () => 204)
  const relabelRules = rulesOf(
    { source_labels: ['app'], regex: 'b', action: 'drop' },
    { regex: 'app', action: 'labelmap', replacement: 'service' },
    { regex: 'app', action: 'labeldrop' },
  )
  const { write } = open(t, join(dir, 'a'), receiver.url, { relabelRules })
  await write.append('t1', [sample('a', 1), sample('b', 1)])
  await receiver.waitFor(1)
  t.same(samplesIn(receiver.received[0]!.body), ['__name__=lines,service=a 1 1'])
  await write.append('t1', [sample('b', 2)])
  await write.append('t1', [sample('c', 3)])
  await receiver.waitFor(2)
  t.same(
    samplesIn(receiver.received[1]!.body),
    ['__name__=lines,service=c 3 1'],
    'no empty request',
  )

  const own = rulesOf({ target_label: 'team', replacement: 'x' })
  const other = open(
    t,
    join(dir, 'b'),
    receiver.url,
    { relabelRules },
    { remoteWriteRelabelRules: own },
  )
  await other.write.append('t1', [sample('b', 4)])
  await receiver.waitFor(3)
  t.same(samplesIn(receiver.received[2]!.body), ['__name__=lines,app=b,team=x 4 1'])
})

test('samples arrive in order, with the tenant, and again after 429 and 5xx', async t => {
  const dir = t.testdir()
  const receiver = await startReceiver(t, i => [429, 503, 200][i] ?? 204)
  const { write, logged, metric } = open(t, dir, receiver.url)
  await write.append('t1', [sample('a', 1)])
  // Samples that come before the first request travel with it.
  await receiver.waitFor(1)
  await write.append('t1', [sample('a', 2), sample('b', 2)])
  await receiver.waitFor(4)
  const bodies = receiver.received.map(({ body }) => samplesIn(body))
  t.same(bodies[1], bodies[0])
  t.same(bodies[2], bodies[0])
  t.same(
    [...bodies[2]!, ...bodies[3]!]
      .filter(text => text.includes('app=a'))
      .map(text => text.slice(21)),
    ['1 1', '2 1'],
  )
  t.match(receiver.received[0]!.headers, {
    'x-scope-orgid': 't1',
    'x-a': 'b',
    'content-encoding': 'snappy',
    'content-type': 'application/x-protobuf',
    'x-prometheus-remote-write-version': '0.1.0',
    'user-agent': 'skald/1.2.3',
  })
  t.match(logged, [/takes no samples, they wait: 429 told/, /takes samples again/])
  while ((await metric(`${prefix}_total`)) !== 3) await new Promise(done => setTimeout(done, 5))
  await write.close()
  t.equal(await metric(`${prefix}_retried_total`), 2)
  t.same(
    readdirSync(dir).filter(name => name.includes('prom')),
    [],
    'the name is no path',
  )
})

test('a piece whose answer a killed process has not noted is sent again as it was', async t => {
  const dir = t.testdir()
  const receiver = await startReceiver(t, i => (i === 0 ? 400 : 200))
  const name = createHash('sha1').update('../prom').digest('hex').slice(0, 16)
  const files = () => new WriteFiles({ directory: join(dir, name), onDrop: () => undefined })
  const killed = files()
  await killed.append({ tenant: 't1', samples: [sample('a', 1)] })
  const begun = await queueOfFiles(killed).read(100)
  t.equal(begun?.isAgain, false)
  await killed.append({ tenant: 't1', samples: [sample('a', 2)] })
  const next = queueOfFiles(files())
  const again = await next.read(100)
  t.match(again, { isAgain: true, records: begun!.records })
  t.equal(again?.records.length, 1)

  // The server has the first sample, and refuses it, as Prometheus does. The second must not be refused with it.
  const { write, logged, metric } = open(t, dir, receiver.url)
  await receiver.waitFor(2)
  const bodies = receiver.received.map(({ body }) => samplesIn(body))
  t.same(bodies, [['__name__=lines,app=a 1 1'], ['__name__=lines,app=a 2 1']])
  while ((await metric(`${prefix}_total`)) !== 1) await new Promise(done => setTimeout(done, 5))
  await write.close()
  t.match(logged, [/refuses samples that were sent before, so it has them: 400 told/])
  t.equal(await metric(`${prefix}_failed_total`), 0)
})

test('a file that a power cut has shortened does not hold up what comes after', async t => {
  for (const saved of [
    { file: 1, offset: 0, sending: { file: 1, offset: 10_000 } },
    { file: 1, offset: 10_000 },
  ]) {
    const directory = t.testdir()
    const files = () => new WriteFiles({ directory, onDrop: () => undefined })
    await files().append({ tenant: 't', samples: [sample('a', 1)] })
    writeFileSync(join(directory, 'place.json'), JSON.stringify(saved))
    const opened = files()
    await opened.append({ tenant: 't', samples: [sample('a', 2)] })
    const piece = await queueOfFiles(opened).read(100)
    const times = piece?.records.flatMap(({ samples }) => samples.map(({ timeMs }) => timeMs))
    t.same(times, saved.offset === 0 ? [1, 2] : [2])
  }
})

test('what a server refuses for good is dropped and counted', async t => {
  const receiver = await startReceiver(t, i => (i === 0 ? 400 : 200))
  const { write, logged, metric } = open(t, t.testdir(), receiver.url)
  await write.append('t1', [sample('a', 1), sample('b', 1)])
  await receiver.waitFor(1)
  await write.append('t1', [sample('a', 2)])
  await receiver.waitFor(2)
  t.equal(await metric(`${prefix}_failed_total`), 2)
  await write.close()
  t.match(logged, [/refuses 2 samples: 400 told/])
})

test('a server that does not know version 2.0 gets version 1.0', async t => {
  const receiver = await startReceiver(t, i => (i === 0 ? 415 : 200))
  const { write } = open(t, t.testdir(), receiver.url, { version: 2 })
  await write.append('t1', [sample('a', 1)])
  await receiver.waitFor(2)
  t.match(
    receiver.received.map(({ headers }) => headers['x-prometheus-remote-write-version']),
    ['2.0.0', '0.1.0'],
  )
})

test('what waits survives a restart, and each tenant has its own address and headers', async t => {
  const dir = t.testdir()
  const first = open(t, dir, 'http://127.0.0.1:1', { backoffMinMs: 1 })
  for (let i = 0; i < 5; i++) await first.write.append('t1', [sample('a', i)])
  await first.write.close()
  const receiver = await startReceiver(t)
  const second = open(
    t,
    dir,
    'http://127.0.0.1:1',
    {},
    {
      remoteWriteUrl: `${receiver.url}/own`,
      remoteWriteHeaders: new Map([['x-own', 'yes']]),
    },
  )
  await second.write.append('t1', [sample('a', 5)])
  await receiver.waitFor(1)
  const times = () =>
    receiver.received.flatMap(({ body }) => samplesIn(body).map(text => text.split(' ')[1]))
  while (times().length < 6) await receiver.waitFor(receiver.received.length + 1)
  t.same(times(), ['0', '1', '2', '3', '4', '5'])
  t.match(receiver.received[0], { path: '/own', headers: { 'x-own': 'yes' } })
})

test('a tenant has its own form of a client: address, login, sizes, and what it leaves out', async t => {
  const receiver = await startReceiver(t)
  const basic = (username: string) => ({
    ...openAccess,
    basicAuth: { username, password: { text: 'secret' } },
  })
  const client: RemoteWriteConfig = {
    ...{ id: '../prom', url: `${receiver.url}/team`, access: basic('team'), timeoutMs: 1000 },
    ...{ headers: new Map(), relabelRules: [], version: 2, samplesPerSend: 2 },
    ...{ backoffMinMs: 1, backoffMaxMs: 5 },
  }
  const limits: { remoteWriteClients?: RulerLimits['remoteWriteClients'] } = {
    remoteWriteClients: new Map([['../prom', client]]),
  }
  const relabelRules = rulesOf({ target_label: 'team', replacement: 'x' })
  const more = { relabelRules, access: basic('all') }
  const { write } = open(t, t.testdir(), receiver.url, more, limits as Partial<RulerLimits>)
  const login = (user: string) => `Basic ${Buffer.from(`${user}:secret`).toString('base64')}`
  await write.append('t1', [sample('a', 1), sample('b', 1), sample('c', 1)])
  await receiver.waitFor(2)
  for (const { path, headers } of receiver.received) {
    t.equal(path, '/team')
    t.match(headers, { 'x-a': 'b', authorization: login('team') })
    t.match(headers['content-type'], /v2/)
  }

  // Other limits count at once.
  limits.remoteWriteClients = new Map([['../prom', { ...client, access: openAccess, version: 1 }]])
  await write.append('t1', [sample('a', 2)])
  await receiver.waitFor(3)
  t.match(receiver.received[2], { path: '/team', headers: { authorization: login('all') } })
  t.same(samplesIn(receiver.received[2]!.body), ['__name__=lines,app=a,team=x 2 1'])
  limits.remoteWriteClients = new Map([['other', client]])
  await write.append('t1', [sample('a', 3)])
  await receiver.waitFor(4)
  t.notOk(receiver.received[3]!.path.startsWith('/team'), 'a client that the ruler does not have')
})

test('a tenant may have its requests signed for AWS', async t => {
  const receiver = await startReceiver(t)
  const sigv4 = {
    ...{ region: 'eu', accessKey: 'AKID', secretKey: 'secret', profile: '', roleArn: '' },
    ...{ externalId: '', isFipsSts: false, service: 'aps' },
  }
  const limits: { remoteWriteSigv4?: RulerLimits['remoteWriteSigv4'] } = { remoteWriteSigv4: sigv4 }
  const basicAuth = { username: 'all', password: { text: 'secret' } }
  const more = { access: { ...openAccess, basicAuth } }
  const { write } = open(t, t.testdir(), receiver.url, more, limits as Partial<RulerLimits>)
  const loginOf = (i: number) => receiver.received[i]!.headers.authorization
  await write.append('t1', [sample('a', 1)])
  await receiver.waitFor(1)
  t.match(
    loginOf(0),
    /^AWS4-HMAC-SHA256 Credential=AKID\/\d+\/eu\/aps\/aws4_request, SignedHeaders=/,
  )

  // Other limits count at once.
  limits.remoteWriteSigv4 = { ...sigv4, accessKey: 'NEXT' }
  await write.append('t1', [sample('a', 2)])
  await receiver.waitFor(2)
  t.match(loginOf(1), /Credential=NEXT\//)
  limits.remoteWriteSigv4 = undefined
  await write.append('t1', [sample('a', 3)])
  await receiver.waitFor(3)
  t.match(loginOf(2), /^Basic /)
})

test('the files have a bound, and lines that a full disk has cut are left out', async t => {
  const directory = join(t.testdir(), 'files')
  const dropped: number[] = []
  const options = {
    directory,
    fileBytes: 200,
    bytesMax: 500,
    onDrop: (n: number) => dropped.push(n),
  }
  const files = new WriteFiles(options)
  for (let i = 0; i < 20; i++) await files.append({ tenant: 't', samples: [sample('a', i)] })
  t.ok(files.waitingBytes <= 500 + 200)
  const lost = dropped.reduce((sum, count) => sum + count, 0)
  t.ok(lost > 0)
  const piece = await files.read(1000)
  const times = piece!.records.flatMap(({ samples }) => samples.map(({ timeMs }) => timeMs))
  t.same(
    times,
    Array.from({ length: 20 - lost }, (_, i) => i + lost),
    'the oldest are gone',
  )
  await files.settle(piece!.next)
  t.equal(await files.read(10), undefined)
  t.equal(files.waitingBytes, 0)
  await files.append({ tenant: 't', samples: [sample('a', 99)] })
  const last = readdirSync(directory)
    .filter(name => name.endsWith('.jsonl'))
    .sort()
    .at(-1)!
  const path = join(directory, last)
  writeFileSync(path, `${readFileSync(path, 'utf8')}{"tenant":"t","sam`)
  const again = new WriteFiles(options)
  const rest = await again.read(10)
  t.match(rest?.records, [{ samples: [{ timeMs: 99 }] }])
  await again.append({ tenant: 't', samples: [sample('a', 100)] })
  const both = await again.read(10)
  t.match(
    both?.records,
    [{ samples: [{ timeMs: 99 }] }, { samples: [{ timeMs: 100 }] }],
    'what comes after a cut line is not joined to it',
  )
})
