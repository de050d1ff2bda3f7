// Real processes for end-to-end tests: a store and an agent on separate directories and ports. They
// can be killed and restarted, and are removed after the test.

import '../test/keep-directories.ts'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Stream, snappyCompress } from '@skald/wire'
import { encodePushRequest } from '@skald/wire/push-codec'
import {
  loopbackHost,
  reservePort,
  type SkaldProcess,
  skaldCommand,
  spawnProgram,
  spawnSkald,
  waitUntilReady,
} from './skald-process.ts'

/** The part of a tap test that the harness needs. */
export interface TestScope {
  teardown(close: () => unknown): void
}

/** A complete HTTP answer. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** An entry of an answer, with the labels of its stream. */
export interface FoundEntry {
  readonly labels: Readonly<Record<string, string>>
  readonly timestampNs: bigint
  readonly line: string
}

/** Additional environment variables of a process. */
type Environment = Readonly<Record<string, string>>

/** A process that keeps its configuration, directory and port across restarts. */
class Service {
  readonly url: string
  readonly #name: 'store' | 'agent' | 'all'
  readonly #args: readonly string[]
  readonly #env: Environment
  readonly #outputFile: string
  readonly #cgroup: string | undefined
  #process: SkaldProcess | undefined

  /** @param cgroup Directory of the cgroup that its processes enter first. */
  constructor(
    name: 'store' | 'agent' | 'all',
    dir: string,
    url: string,
    {
      args,
      env = {},
      cgroup,
    }: {
      readonly args: readonly string[]
      readonly env?: Environment | undefined
      readonly cgroup?: string | undefined
    },
  ) {
    this.#cgroup = cgroup
    this.url = url
    this.#name = name
    this.#args = args
    this.#env = env
    this.#outputFile = join(dir, `${name}.log`)
  }

  /** Id of the running process. */
  get pid(): number {
    if (!this.#process) throw new Error(`${this.#name} is not running`)
    return this.#process.pid
  }

  /** Returns the output of all processes of this service so far. */
  output(): string {
    return existsSync(this.#outputFile) ? readFileSync(this.#outputFile, 'utf8') : ''
  }

  /** Starts the process without waiting for it. */
  spawn(): SkaldProcess {
    if (this.#process) throw new Error(`${this.#name} is running already`)
    const options = { env: this.#env, outputFile: this.#outputFile }
    this.#process = this.#cgroup
      ? spawnProgram('/bin/sh', { ...options, args: [...enterCgroup(this.#cgroup), ...this.#args] })
      : spawnSkald({ ...options, args: this.#args })
    return this.#process
  }

  /** Waits until a process is running and ready, no matter who starts it. */
  async waitUntilReady(): Promise<void> {
    while (!this.#process) await sleep(20)
    await waitUntilReady(this.#process, `${this.url}/ready`, readyTimeoutMs)
  }

  /** Starts the process. Returns how many milliseconds it took to be ready. */
  async start(): Promise<number> {
    const skald = this.spawn()
    return await waitUntilReady(skald, `${this.url}/ready`, readyTimeoutMs)
  }

  /** Ends the process like a power failure: no handler runs. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Asks the process to end. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const skald = this.#process
    this.#process = undefined
    await skald?.end(signal)
  }

  /** Sends a request to the service. */
  async request(path: string, init?: RequestInit): Promise<HttpAnswer> {
    const response = await fetch(new URL(path, this.url), init)
    return { status: response.status, headers: response.headers, body: await response.text() }
  }
}

/** Returns arguments of a shell that enters a cgroup, and then becomes the command line. */
function enterCgroup(directory: string): string[] {
  return ['-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', directory, skaldCommand]
}

const readyTimeoutMs = 30_000

/** A store under test. */
export class TestStore extends Service {
  /** Pushes streams like an agent. Returns the answer. */
  push(streams: readonly Stream[]): Promise<HttpAnswer> {
    return this.pushBytes(snappyCompress(encodePushRequest(streams)), 'application/x-protobuf')
  }

  /** Pushes a body unchanged. */
  pushBytes(body: Buffer | string, contentType: string): Promise<HttpAnswer> {
    return this.request('/loki/api/v1/push', {
      method: 'POST',
      headers: { 'content-type': contentType },
      body: typeof body === 'string' ? body : new Uint8Array(body),
    })
  }

  /** Sends a query and returns the parsed answer. */
  async query(
    route: 'query' | 'query_range',
    params: Readonly<Record<string, string>>,
  ): Promise<QueryData> {
    const answer = await this.request(`/loki/api/v1/${route}?${new URLSearchParams(params)}`)
    if (answer.status !== 200) {
      throw new Error(`${params.query} was answered ${answer.status}: ${answer.body}`)
    }
    return (JSON.parse(answer.body) as { data: QueryData }).data
  }

  /**
   * Reads every entry of a log query from `startNs` on, page by page in time order. A page starts
   * at the time of the previous page's last entry and skips what was already read, so that neither
   * equal times nor page borders hide an entry.
   */
  async *entries(logql: string, startNs: bigint, endNs: bigint): AsyncGenerator<FoundEntry> {
    let pageStartNs = startNs
    let seen = new Map<string, number>()
    for (;;) {
      const data = await this.query('query_range', {
        query: logql,
        start: String(pageStartNs),
        end: String(endNs),
        limit: String(pageSize),
        direction: 'forward',
      })
      const page = flattenStreams(data)
      const left = new Map(seen)
      for (const entry of page) {
        const key = entryKey(entry)
        const count = left.get(key) ?? 0
        if (count > 0) left.set(key, count - 1)
        else yield entry
      }
      const last = page.at(-1)
      if (!last || page.length < pageSize) return
      if (last.timestampNs === page[0]!.timestampNs) {
        throw new Error(`${pageSize} entries have the time ${last.timestampNs}`)
      }
      pageStartNs = last.timestampNs
      seen = new Map()
      for (const entry of page) {
        if (entry.timestampNs !== pageStartNs) continue
        const key = entryKey(entry)
        seen.set(key, (seen.get(key) ?? 0) + 1)
      }
    }
  }
}

/** Loki's default for `max_entries_limit_per_query`. */
const pageSize = 5000

/** The part of an answer's data that tests use. */
export interface QueryData {
  readonly resultType: string
  readonly result: readonly {
    readonly stream?: Readonly<Record<string, string>>
    readonly metric?: Readonly<Record<string, string>>
    readonly values?: readonly (readonly [string | number, string])[]
    readonly value?: readonly [number, string]
  }[]
}

/** Returns the entries of all streams of an answer, oldest first. */
export function flattenStreams(data: QueryData): FoundEntry[] {
  const entries: FoundEntry[] = []
  for (const { stream = {}, values = [] } of data.result) {
    for (const [time, line] of values) {
      entries.push({ labels: stream, timestampNs: BigInt(time), line })
    }
  }
  return entries.sort((a, b) =>
    a.timestampNs < b.timestampNs ? -1 : a.timestampNs > b.timestampNs ? 1 : 0,
  )
}

function entryKey({ labels, timestampNs, line }: FoundEntry): string {
  return `${JSON.stringify(labels)} ${timestampNs} ${line}`
}

/** Limits that let a test push as fast as it can. */
export const openLimits = `limits_config:
  ingestion_rate_mb: 10000
  ingestion_burst_size_mb: 10000
  per_stream_rate_limit: 10GB
  per_stream_rate_limit_burst: 10GB
`

/** Options of a store under test. */
export interface StoreOptions {
  /** Directory of the test. The data goes into its `store-data`. */
  readonly dir: string
  /** Additional configuration, as YAML at the top level. */
  readonly config?: string
  /** Additional lines of YAML for the block `server`. */
  readonly server?: string
  /** Prefix of all paths, such as `/logs`. The store's `url` ends with it. */
  readonly prefix?: string
  /** Whether requests must name their tenant. */
  readonly tenants?: boolean
  readonly env?: Environment
  /** Directory of a cgroup for the process. */
  readonly cgroup?: string
}

/** Starts a store and waits until it is ready. */
export async function startStore(t: TestScope, options: StoreOptions): Promise<TestStore> {
  const { prefix = '' } = options
  const port = await reservePort()
  const configFile = join(options.dir, 'store.yaml')
  mkdirSync(options.dir, { recursive: true })
  writeFileSync(
    configFile,
    `auth_enabled: ${options.tenants === true}
server:
  http_listen_address: ${loopbackHost}
  http_listen_port: ${port}
${options.server ? `  ${options.server}\n` : ''}${prefix ? `  http_path_prefix: ${prefix}\n` : ''}common:
  path_prefix: ${JSON.stringify(join(options.dir, 'store-data'))}
${options.config ?? ''}`,
  )
  const url = `http://${loopbackHost}:${port}${prefix}`
  const args = ['store', `-config.file=${configFile}`]
  const { env, cgroup } = options
  const store = new TestStore('store', options.dir, url, { args, env, cgroup })
  t.teardown(() => store.kill())
  await store.start()
  return store
}

/**
 * Starts a store with an unchanged configuration; only address, port and directory come from the
 * test.
 */
export async function startStoreOn(
  t: TestScope,
  {
    configFile,
    dir,
    env,
  }: { readonly configFile: string; readonly dir: string; readonly env?: Environment },
): Promise<TestStore> {
  const port = await reservePort()
  const args = [
    'store',
    `-config.file=${configFile}`,
    `-server.http-listen-address=${loopbackHost}`,
    `-server.http-listen-port=${port}`,
    `-common.path-prefix=${join(dir, 'data')}`,
  ]
  const store = new TestStore('store', dir, `http://${loopbackHost}:${port}`, { args, env })
  t.teardown(() => store.kill())
  await store.start()
  return store
}

/** Options of an agent under test. */
export interface AgentOptions {
  /** Directory of the test. Positions go into its `positions.yaml`. */
  readonly dir: string
  /** Where to push: the `url` of a store. */
  readonly storeUrl: string
  /** `scrape_configs` and other top-level keys, as YAML. */
  readonly config: string
  /** Additional keys of the only client, as YAML indented by four spaces. */
  readonly clientConfig?: string
  readonly env?: Environment
}

/** Prepares an agent on a free port. `start()` or `spawn()` starts it. */
export async function createAgent(t: TestScope, options: AgentOptions): Promise<Service> {
  const port = await reservePort()
  const configFile = join(options.dir, 'agent.yaml')
  mkdirSync(options.dir, { recursive: true })
  writeFileSync(
    configFile,
    `server:
  http_listen_address: ${loopbackHost}
  http_listen_port: ${port}
  grpc_listen_port: 0
positions:
  filename: ${JSON.stringify(join(options.dir, 'positions.yaml'))}
  sync_period: 1s
clients:
  - url: ${options.storeUrl}/loki/api/v1/push
    batchwait: 200ms
    backoff_config:
      min_period: 100ms
      max_period: 1s
      max_retries: 0
${options.clientConfig ?? ''}
${options.config}`,
  )
  const url = `http://${loopbackHost}:${port}`
  const args = ['agent', `-config.file=${configFile}`]
  const agent = new Service('agent', options.dir, url, { args, env: options.env })
  t.teardown(() => agent.kill())
  return agent
}

/** Starts an agent and waits until it is ready. */
export async function startAgent(t: TestScope, options: AgentOptions): Promise<Service> {
  const agent = await createAgent(t, options)
  await agent.start()
  return agent
}

export type { Service }
