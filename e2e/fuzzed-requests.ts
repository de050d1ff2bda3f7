// Sends damaged requests of every protocol to a real store that asks who comes, from clients with and without rights. None
// may bring the store down, fill its memory, or see or change what is not theirs.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { createLabelSet, snappyCompress } from '@skald/wire'
import { encodePushRequest } from '@skald/wire/push-codec'
import { Random } from '../bench/random.ts'
import { openLimits, startStore, type TestStore } from './harness.ts'
import { reservePort } from './skald-process.ts'

export interface FuzzOptions {
  readonly dir: string
  readonly seed: number
  /** How many requests to send. */
  readonly count: number
}

export interface FuzzReport {
  /** Requests by status; 0 stands for a connection that the store closed. */
  readonly statuses: ReadonlyMap<number, number>
  /** Resident memory of the store in MiB: the most in each tenth of the run. */
  readonly memoryMib: readonly number[]
  readonly problems: readonly string[]
}

/** Who sends a request. The vault belongs to none of them. */
const identities = ['nobody', 'wrong', 'odd', 'pusher', 'reader'] as const
type Identity = (typeof identities)[number]

/** Stands in lines of the vault. No answer may have it. */
const canary = 'canary-5b1f0c'

interface Route {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly path: string
  readonly role: 'push' | 'read'
  readonly type: string
  readonly body: Buffer
}

const json = 'application/json'
const nowNs = `${Date.now()}000000`
const entry = { timestampNs: BigInt(nowNs), line: 'level=info a line' }
const push = encodePushRequest([{ labels: createLabelSet({ app: 'f' }), entries: [entry] }])
const pushJson = { streams: [{ stream: { app: 'f' }, values: [[nowNs, 'a line', { id: '7' }]] }] }
const otlp = {
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'f' } }] },
      scopeLogs: [{ logRecords: [{ timeUnixNano: nowNs, body: { stringValue: 'a line' } }] }],
    },
  ],
}
const bulk =
  '{"index":{"_index":"f","_id":"1"}}\n{"message":"m","@timestamp":"2026-01-02T03:04:05Z","a":{"b":[1,{"c":null}]}}\n{"create":{}}\n{"message":"n"}\n'
const event = '{"event":{"a":1},"time":"1700000000.5","fields":{"x":"y"},"source":"s","index":"i"}'
const journal =
  '__REALTIME_TIMESTAMP=1700000000000000\n_HOSTNAME=h\nMESSAGE\n\x03\0\0\0\0\0\0\0abc\nPRIORITY=6\n\n'

const routes: readonly Route[] = [
  at('POST', '/loki/api/v1/push', 'application/x-protobuf', snappyCompress(push)),
  at('POST', '/loki/api/v1/push', json, JSON.stringify(pushJson)),
  at('POST', '/otlp/v1/logs', json, JSON.stringify(otlp)),
  at('POST', '/_bulk', 'application/x-ndjson', bulk),
  at('POST', '/elasticsearch/f/_bulk?_stream_fields=a.b&_msg_field=message', json, bulk),
  at('PUT', '/f/_doc/7', json, '{"message":"m","kubernetes":{"pod_name":"p"}}'),
  at('POST', '/insert/jsonline?_time_field=t', json, '{"_msg":"m","t":1700000000}\n{"_msg":"n"}\n'),
  at('POST', '/services/collector/event', json, `${event}\n${event}`),
  at('POST', '/services/collector/raw?channel=1', 'text/plain', 'one\ntwo\n'),
  at('POST', '/services/collector/ack?channel=1', json, '{"acks":[0,1,2]}'),
  at('POST', '/api/v2/logs', json, '[{"message":"m","ddtags":"a:b,c","hostname":"h"}]'),
  at('POST', '/upload', 'application/vnd.fdo.journal', journal),
  ...['_license', '_cluster/health', '_index_template/f', '_ilm/policy/f'].map(path =>
    at('GET', `/${path}`, json, ''),
  ),
  ...[
    'query_range?query={app="f"}&limit=3&start=1700000000',
    'query?query=sum(count_over_time({app=~".+"}[1h]))',
    'labels?start=1700000000',
    'label/app/values',
    'series?match[]={app="f"}',
    'index/stats?query={app="f"}',
    'index/volume?query={app=~".+"}',
    'patterns?query={app="f"}',
    'detected_fields?query={app="f"}',
    'format_query?query={app="f"}|=`x`',
  ].map(path => at('GET', `/loki/api/v1/${encodeURI(path)}`, json, '', 'read')),
  at('GET', `/skald/export?query=${encodeURIComponent('{app="f"}')}&limit=5`, json, '', 'read'),
]

function at(
  method: Route['method'],
  path: string,
  type: string,
  body: Buffer | string,
  role: Route['role'] = 'push',
): Route {
  return { method, path, type, body: Buffer.from(body), role }
}

/** Pieces that parsers stumble over. */
const splinters = [
  ...[
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    '\\u',
    ',',
    ':',
    '\n',
    '\r\n',
    '\0',
    '\x1f\x8b',
    '=',
    '%',
    '|',
  ],
  ...['1e999', '-0', '12345678901234567890', 'null', '"__proto__":{"a":1}', '9'.repeat(40)],
  ...[
    '\u202e',
    '💩',
    '\ufeff',
    '{"a":'.repeat(60),
    '['.repeat(200),
    '{app="',
    '|~`(a+)+$`',
    '[5m]',
  ],
].map(text => Buffer.from(text))

function damage(random: Random, bytes: Buffer): Buffer {
  let result = bytes
  for (let i = random.below(4); i > 0; i--) {
    const from = random.below(result.length + 1)
    const to = Math.min(result.length, from + random.below(20))
    const [before, piece, after] = [
      result.subarray(0, from),
      result.subarray(from, to),
      result.subarray(to),
    ]
    switch (random.below(5)) {
      case 0:
        result = before
        break
      case 1:
        result = Buffer.concat([before, random.pick(splinters), piece, after])
        break
      case 2:
        result = Buffer.concat([before, after])
        break
      case 3:
        result = Buffer.concat([before, piece, piece, piece, after])
        break
      default:
        result = Buffer.concat([before, Buffer.from(piece.map(() => random.below(256))), after])
    }
  }
  return result
}

/** A path with damaged values. What the router looks at stays. */
function damagePath(random: Random, path: string): string {
  const [route = '', query] = path.split('?')
  if (query === undefined || random.chance(0.4)) return path
  const bytes = damage(random, Buffer.from(decodeURIComponent(query)))
  const text = [...bytes.toString('latin1')].map(char =>
    /[\w=&.~-]/.test(char) ? char : `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
  return `${route}?${text.join('')}`
}

function authorizationOf(random: Random, identity: Identity): string | undefined {
  const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`
  switch (identity) {
    case 'nobody':
      return undefined
    case 'wrong':
      return random.pick(['Bearer guess', basic('pusher:guess'), 'Splunk guess', 'Bearer a.b.c'])
    case 'odd': {
      const bytes = damage(
        random,
        Buffer.from(random.pick(['Bearer puster', basic('a:b'), 'Digest x'])),
      )
      return bytes.toString('latin1').replaceAll(/[^\x20-\x7e\x80-\xff]/g, ' ')
    }
    case 'pusher':
    case 'reader':
      return random.pick([
        `Bearer ${identity}`,
        `Splunk ${identity}`,
        basic(`${identity}:${identity}`),
      ])
  }
}

interface Sent {
  readonly what: string
  readonly identity: Identity
  readonly role: Route['role']
  /** Whether the request asks for the vault. */
  readonly wantsVault: boolean
  readonly status: number
  readonly body: string
}

/** Returns what is wrong with an answer. */
function faultOf({ what, identity, role, wantsVault, status, body }: Sent): string | undefined {
  if (body.includes(canary)) return `${what}: the answer has a line of the vault`
  if (status >= 500 && status !== 503 && status !== 504)
    return `${what}: ${status} ${body.slice(0, 200)}`
  const mayDo =
    (identity === 'pusher' && role === 'push') || (identity === 'reader' && role === 'read')
  // 400 is what Node says of a request that it cannot read.
  if ((!mayDo || wantsVault) && ![0, 400, 401, 403, 429].includes(status)) {
    return `${what}: ${status} ${body.slice(0, 200)}`
  }
  return undefined
}

/** Sends the requests and looks at every answer. */
export async function fuzzRequests({ dir, seed, count }: FuzzOptions): Promise<FuzzReport> {
  const closing: (() => unknown)[] = []
  try {
    const scope = { teardown: (close: () => unknown) => void closing.push(close) }
    const ports = { grpc: await reservePort(), syslog: await reservePort() }
    const store = await startStore(scope, { dir, tenants: true, config: configOf(ports) })
    return await new FuzzRun(store, ports, { seed, count }).run()
  } finally {
    for (const close of closing.toReversed()) await close()
  }
}

interface Ports {
  readonly grpc: number
  readonly syslog: number
}

function configOf({ grpc, syslog }: Ports): string {
  const token = (name: string, role: string, tenant: string) => {
    const sha256 = createHash('sha256').update(name).digest('hex')
    return `{name: ${name}, sha256: ${sha256}, roles: [${role}], tenants: [${tenant}]}`
  }
  return `${openLimits}auth:
  tokens:
    - ${token('pusher', 'push', 'open')}
    - ${token('reader', 'read', 'open')}
    - ${token('vault', 'push, read', 'vault')}
querier: {multi_tenant_queries_enabled: true}
receivers:
  otlp: {grpc: {endpoint: "127.0.0.1:${grpc}"}}
  syslog: [{listen_address: "127.0.0.1:${syslog}", tenant: open}]
`
}

class FuzzRun {
  readonly #store: TestStore
  readonly #ports: Ports
  readonly #random: Random
  readonly #count: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 })
  readonly #statuses = new Map<number, number>()
  readonly #memoryMib: number[] = []
  readonly #problems: string[] = []
  #grpc: ClientHttp2Session | undefined
  #sent = 0

  constructor(store: TestStore, ports: Ports, { seed, count }: Omit<FuzzOptions, 'dir'>) {
    this.#store = store
    this.#ports = ports
    this.#random = new Random(seed)
    this.#count = count
  }

  async run(): Promise<FuzzReport> {
    const vault = await this.#fillVault()
    const workers = Array.from({ length: 16 }, () => this.#work())
    await Promise.all(workers)
    this.#agent.destroy()
    this.#grpc?.destroy()
    const ready = await this.#store.request('/ready')
    if (ready.status !== 200) this.#problems.push(`the store is not ready: ${ready.status}`)
    const after = await this.#readVault()
    if (after !== vault) this.#problems.push(`the vault has ${after} and had ${vault}`)
    return { statuses: this.#statuses, memoryMib: this.#memoryMib, problems: this.#problems }
  }

  async #fillVault(): Promise<string> {
    const values = Array.from({ length: 20 }, (_, i) => [nowNs, `${canary} ${i}`])
    const { status, body } = await this.#store.request('/loki/api/v1/push', {
      method: 'POST',
      headers: { 'content-type': json, authorization: 'Bearer vault' },
      body: JSON.stringify({ streams: [{ stream: { app: 'f' }, values }] }),
    })
    if (status !== 204) throw new Error(`the vault was not filled: ${status} ${body}`)
    return await this.#readVault()
  }

  async #readVault(): Promise<string> {
    const query = encodeURIComponent('{app=~".+"}')
    const { status, body } = await this.#store.request(
      `/skald/export?query=${query}&since=48h&format=raw`,
      { headers: { authorization: 'Bearer vault' } },
    )
    return `${status}, ${body.split('\n').length - 1} lines`
  }

  async #work(): Promise<void> {
    while (this.#sent < this.#count && this.#problems.length < 20) {
      const number = this.#sent++
      const tenth = Math.floor((number * 10) / this.#count)
      if (number % 200 === 0) this.#noteMemory(tenth)
      const kind = this.#random.below(50)
      if (kind === 0) await this.#sendSyslog()
      else if (kind < 4) await this.#sendGrpc()
      else await this.#sendHttp()
    }
  }

  #noteMemory(tenth: number): void {
    const status = readFileSync(`/proc/${this.#store.pid}/status`, 'utf8')
    const mib = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024
    this.#memoryMib[tenth] = Math.max(this.#memoryMib[tenth] ?? 0, mib)
  }

  #judge(sent: Sent): void {
    this.#statuses.set(sent.status, (this.#statuses.get(sent.status) ?? 0) + 1)
    const fault = faultOf(sent)
    if (fault !== undefined) this.#problems.push(fault)
  }

  #who(): { identity: Identity; wantsVault: boolean; headers: Record<string, string> } {
    const identity = this.#random.pick(identities)
    const authorization = authorizationOf(this.#random, identity)
    const tenant = this.#random.pick([
      undefined,
      undefined,
      'open',
      'vault',
      'open|vault',
      'vault|',
    ])
    const headers = {
      ...(authorization !== undefined && { authorization }),
      ...(tenant !== undefined && { 'x-scope-orgid': tenant }),
    }
    return { identity, wantsVault: tenant?.includes('vault') === true, headers }
  }

  async #sendHttp(): Promise<void> {
    const random = this.#random
    const route = random.pick(routes)
    const { identity, wantsVault, headers } = this.#who()
    const plain = damage(random, route.body)
    const encoding = random.pick(['', '', '', 'gzip', 'zstd', 'deflate', 'br'])
    const isTrue = random.chance(0.7)
    const body =
      isTrue && encoding === 'gzip'
        ? gzipSync(plain)
        : isTrue && encoding === 'zstd'
          ? zstdCompressSync(plain)
          : plain
    const path = damagePath(random, route.path)
    const hasBody = route.method !== 'GET'
    const answer = await this.#http(route.method, path, hasBody ? body : undefined, {
      ...headers,
      ...(hasBody && { 'content-type': random.chance(0.9) ? route.type : 'text/odd' }),
      ...(hasBody && encoding !== '' && { 'content-encoding': encoding }),
    })
    const what = `${identity} ${route.method} ${path.slice(0, 200)} ${headers['x-scope-orgid'] ?? ''}`
    this.#judge({ what, identity, role: route.role, wantsVault, ...answer })
  }

  #http(
    method: string,
    path: string,
    body: Buffer | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<{ status: number; body: string }> {
    return new Promise(resolve => {
      const target = new URL(this.#store.url)
      const request = httpRequest({
        ...{ host: target.hostname, port: target.port, agent: this.#agent, method, path, headers },
        timeout: 60_000,
      })
      request.on('response', async response => {
        const chunks: Buffer[] = []
        try {
          for await (const chunk of response) chunks.push(chunk as Buffer)
        } catch {
          // An export that failed in its middle.
        }
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() })
      })
      request.on('timeout', () => {
        this.#problems.push(`${method} ${path.slice(0, 200)}: no answer in a minute`)
        request.destroy()
      })
      request.on('error', () => resolve({ status: 0, body: '' }))
      request.end(body)
    })
  }

  /** Calls gRPC. Its statuses are judged like those of HTTP that stand for the same. */
  async #sendGrpc(): Promise<void> {
    if (!this.#grpc || this.#grpc.closed || this.#grpc.destroyed) {
      this.#grpc = connectHttp2(`http://127.0.0.1:${this.#ports.grpc}`)
      this.#grpc.on('error', () => undefined)
    }
    const { identity, wantsVault, headers } = this.#who()
    const message = damage(this.#random, Buffer.from([10, 4, 18, 2, 18, 0]))
    const head = Buffer.alloc(5)
    head.writeUInt32BE(this.#random.chance(0.8) ? message.length : this.#random.below(2 ** 32), 1)
    const stream = this.#grpc.request({
      ':method': 'POST',
      ':path': '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    const found: Record<string, unknown> = {}
    const status = await new Promise<number>(resolve => {
      stream.on('response', given => Object.assign(found, given))
      stream.on('trailers', given => Object.assign(found, given))
      stream.on('error', () => undefined)
      stream.setTimeout(20_000, () => stream.close())
      stream.on('close', () => resolve(httpStatusOf[Number(found['grpc-status'] ?? -1)] ?? 0))
      stream.resume()
      stream.end(Buffer.concat([head, message]))
    })
    const what = `${identity} gRPC ${headers['x-scope-orgid'] ?? ''}`
    this.#judge({ what, identity, role: 'push', wantsVault, status, body: '' })
  }

  /** Sends syslog, which knows no clients: only the store must not fall. */
  async #sendSyslog(): Promise<void> {
    const text =
      '<13>1 2026-01-02T03:04:05Z host app 7 id [a b="c"] message\n57 <13>Jan  2 03:04:05 h a: x'
    const bytes = damage(this.#random, Buffer.from(text))
    await new Promise<void>(resolve => {
      const socket = connect(this.#ports.syslog, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.on('close', () => resolve())
      socket.resume()
      socket.end(bytes)
    })
  }
}

/** gRPC status → the HTTP status that it stands for. */
const httpStatusOf: Readonly<Record<number, number>> = {
  0: 200,
  3: 400,
  7: 403,
  8: 429,
  12: 400,
  13: 500,
  14: 503,
  16: 401,
}
