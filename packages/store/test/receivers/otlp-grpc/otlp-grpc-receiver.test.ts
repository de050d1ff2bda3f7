// OTLP over gRPC, with calls as gRPC's libraries make them: HTTP/2, a length before the message, a status after it.

import { createHook } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { t as root, type Test, test } from 'tap'
import { makeCertificates } from '../../../../../test/certificates.ts'
import {
  type OtlpGrpcParts,
  OtlpGrpcReceiver,
} from '../../../src/receivers/otlp-grpc/otlp-grpc-receiver.ts'
import type { OtlpGrpcConfig } from '../../../src/receivers-config.ts'
import { createTestLogger } from '../../harness.ts'
import { openReceiverStore } from '../receiver-store.ts'

root.setTimeout(60_000)

const exportPath = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'

/** Returns an ExportLogsServiceRequest of one record of the service "svc", now. */
function request(line: string): Buffer {
  const field = (tag: number, ...parts: readonly Buffer[]) => {
    const content = Buffer.concat(parts)
    const length: number[] = []
    for (let rest = content.length; ; rest >>>= 7) {
      length.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest)
      if (rest <= 0x7f) break
    }
    return Buffer.concat([Buffer.from([tag, ...length]), content])
  }
  const text = (tag: number, value: string) => field(tag, Buffer.from(value))
  const time = Buffer.alloc(9)
  time[0] = 0x09
  time.writeBigUInt64LE(BigInt(Date.now()) * 1_000_000n, 1)
  const record = field(0x12, time, field(0x2a, text(0x0a, line)))
  const service = field(0x0a, text(0x0a, 'service.name'), field(0x12, text(0x0a, 'svc')))
  return field(0x0a, field(0x0a, service), field(0x12, record))
}

function framed(message: Buffer, isCompressed = false): Buffer {
  const head = Buffer.alloc(5)
  head[0] = isCompressed ? 1 : 0
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

interface Answer {
  readonly status: string
  readonly message: string
  readonly details: string
  readonly body: Buffer
}

async function call(
  session: ClientHttp2Session,
  body: Buffer,
  headers: OutgoingHttpHeaders = {},
): Promise<Answer> {
  const stream = session.request({
    ...{ ':method': 'POST', ':path': exportPath },
    ...{ 'content-type': 'application/grpc', te: 'trailers', ...headers },
  })
  const found: Record<string, unknown> = {}
  stream.on('response', given => Object.assign(found, given))
  stream.on('trailers', given => Object.assign(found, given))
  stream.on('error', () => undefined)
  const chunks: Buffer[] = []
  stream.on('data', chunk => chunks.push(chunk))
  stream.end(body)
  await new Promise(resolve => stream.once('close', resolve))
  return {
    status: String(found['grpc-status']),
    message: decodeURIComponent(String(found['grpc-message'] ?? '')),
    details: Buffer.from(String(found['grpc-status-details-bin'] ?? ''), 'base64').toString(),
    body: Buffer.concat(chunks),
  }
}

async function open(t: Test, more = 'auth_enabled: false', tls = '', scheme = 'http') {
  const grpc = `endpoint: "127.0.0.1:0"${tls}`
  const { store, entries } = await openReceiverStore(
    t,
    `${more}\nreceivers: {otlp: {grpc: {${grpc}}}}`,
  )
  const session = connect(`${scheme}://${store.receiverPlaces[0]!.split(' ')[1]}`, {
    rejectUnauthorized: false,
  })
  session.on('error', () => undefined)
  t.teardown(() => session.destroy())
  return { store, entries, session }
}

test('records are stored, whatever the encoding', async t => {
  const { session, entries } = await open(t)
  const ok = async (body: Buffer, encoding?: string) => {
    const answer = await call(session, body, encoding ? { 'grpc-encoding': encoding } : {})
    t.match(answer, { status: '0', message: '', body: Buffer.alloc(5) }, encoding ?? 'plain')
  }
  await ok(framed(request('plain')))
  await ok(framed(request('not compressed')), 'gzip')
  await ok(framed(gzipSync(request('gzip')), true), 'gzip')
  await ok(framed(zstdCompressSync(request('zstd')), true), 'zstd')
  await ok(framed(Buffer.alloc(0)))
  await Promise.all(Array.from({ length: 20 }, (_, i) => ok(framed(request(`many ${i}`)))))
  const lines = (await entries('{service_name="svc"}', 'now')).map(({ line }) => line)
  t.equal(lines.length, 24)
  for (const line of ['plain', 'not compressed', 'gzip', 'zstd']) t.ok(lines.includes(line), line)
})

test('what is wrong has a code of gRPC', async t => {
  const { session, store } = await open(
    t,
    'auth_enabled: false\nlimits_config: {max_line_size: 10}',
  )
  const fails = async (status: string, message: RegExp, body: Buffer, headers = {}) =>
    t.match(await call(session, body, headers), { status, message })
  const good = framed(request('good'))
  await fails('12', /unknown method \/x: Skald takes logs/, good, { ':path': '/x' })
  await fails('3', /has no message/, Buffer.alloc(0))
  await fails('3', /the message has \d+ bytes, and says/, Buffer.concat([good, good]))
  await fails('3', /unexpected EOF/, framed(request('cut').subarray(0, -3)))
  await fails('3', /^gzip: /, framed(Buffer.from('not gzip'), true), { 'grpc-encoding': 'gzip' })
  await fails('12', /grpc-encoding br is not supported/, framed(Buffer.from('x'), true), {
    'grpc-encoding': 'br',
  })
  const long = Buffer.alloc(5)
  long.writeUInt32BE(2 ** 31, 1)
  await fails('8', /larger than 16777216 bytes/, long)
  const bomb = framed(gzipSync(Buffer.alloc(65 * 1024 * 1024)), true)
  await fails('8', /larger than 67108864 bytes/, bomb, { 'grpc-encoding': 'gzip' })
  const partial = await call(session, framed(request('longer than ten')))
  t.equal(partial.status, '0')
  // partial_success { rejected_log_records: 1, error_message }
  const success = partial.body.subarray(partial.body.indexOf(0x08))
  t.same([...success.subarray(0, 3)], [0x08, 1, 0x12])
  t.match(success.toString('latin1'), /Max entry size '10' bytes exceeded/)
  t.ok(store.receiverPlaces[0]!.startsWith('grpc '))
})

test('calls at the same time take turns to be decompressed', async t => {
  const { session } = await open(t)
  const mib = 1024 * 1024
  const large = framed(gzipSync(Buffer.alloc(16 * mib)), true)
  let begun = 0
  let done = 0
  let most = 0
  const watch = createHook({
    init: (_id, type) => {
      if (type === 'ZLIB') most = Math.max(most, ++begun - done)
    },
  }).enable()
  t.teardown(() => watch.disable())
  const one = async () => {
    const { status } = await call(session, large, { 'grpc-encoding': 'gzip' })
    done++
    return status
  }
  const statuses = await Promise.all(Array.from({ length: 20 }, one))
  t.same(new Set(statuses), new Set(['3']), 'zeros are no records')
  t.equal(begun, 20)
  // Two at a time, and some whose answers are on their way.
  t.ok(most <= 10, `${most} at the same time`)
})

test('tenants and limits: a limited call says when to come again', async t => {
  const { session, store } = await open(
    t,
    'auth_enabled: true\nlimits_config: {ingestion_rate_mb: 0.0001, ingestion_burst_size_mb: 0.0001}',
  )
  t.match(await call(session, framed(request('x'))), { status: '16', message: 'no org id' })
  const tenant = { 'x-scope-orgid': 'a' }
  t.match(await call(session, framed(request('y')), tenant), { status: '0' })
  const limited = await call(session, framed(request('z'.repeat(500))), tenant)
  t.match(limited, {
    status: '8',
    message: /rate limit exceeded/,
    details: /google\.rpc\.RetryInfo/,
  })
  const now = BigInt(Date.now()) * 1_000_000n
  const range = { start: now - 60_000_000_000n, end: now + 60_000_000_000n, tenant: 'a' }
  t.same(await store.lines('{service_name="svc"}', range), ['y'])
})

test('with the block auth, a call needs a token with the role push', async t => {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  const token = (name: string, role: string) =>
    `{name: ${name}, sha256: ${sha256(name)}, roles: [${role}], tenants: [one]}`
  const { session, store } = await open(
    t,
    `auth_enabled: true\nauth: {tokens: [${token('pusher', 'push')}, ${token('reader', 'read')}]}`,
  )
  const asks = async (status: string, message: RegExp, headers: OutgoingHttpHeaders) =>
    t.match(await call(session, framed(request('x')), headers), { status, message })
  await asks('16', /sign in first/, {})
  await asks('16', /the token is unknown/, { authorization: 'Bearer guess' })
  await asks('7', /reader needs the role push/, { authorization: 'Bearer reader' })
  const pusher = { authorization: 'Bearer pusher' }
  await asks('7', /pusher has no access to this tenant/, { ...pusher, 'x-scope-orgid': 'two' })
  await asks('0', /^$/, pusher)
  const stored = await store.app.inject({
    url: '/loki/api/v1/labels',
    headers: { authorization: 'Bearer reader' },
  })
  t.match(stored.json().data, ['service_name'], 'in the only tenant of the token')
})

test('TLS', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'skald-grpc-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  makeCertificates(dir)
  t.ok(readFileSync(join(dir, 'server.crt')))
  const tls = `, tls_config: {cert_file: ${dir}/server.crt, key_file: ${dir}/server.key}`
  const { session } = await open(t, 'auth_enabled: false', tls, 'https')
  t.match(await call(session, framed(request('secret'))), { status: '0' })
})

test('a silent connection is closed, one with calls is not', async t => {
  const parts = { logger: createTestLogger().logger } as unknown as OtlpGrpcParts
  const config = { address: { host: '127.0.0.1', port: 0 } } as OtlpGrpcConfig
  const receiver = new OtlpGrpcReceiver(config, parts, 200)
  await receiver.listen()
  t.teardown(() => receiver.close())
  const session = connect(`http://${receiver.place.split(' ')[1]}`)
  session.on('error', () => undefined)
  let isClosed = false
  session.once('close', () => {
    isClosed = true
  })
  for (let i = 0; i < 8; i++) {
    await sleep(100)
    t.match(await call(session, framed(Buffer.alloc(0)), { ':path': '/x' }), { status: '12' })
  }
  t.notOk(isClosed)
  while (!isClosed) await sleep(20)
})
