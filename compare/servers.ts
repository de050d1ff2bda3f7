// The two servers of a comparison, each in a separate directory, with the same lines.

import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loopbackHost, reservePort, spawnSkald, waitUntilReady } from '../e2e/skald-process.ts'
import type { DataStream } from './data.ts'

/** A running server. */
export interface PeerServer {
  readonly url: string
  stop(): Promise<void>
}

const readyMs = 120_000
const endGraceMs = 15_000

/** How a server is started. */
export interface ServerOptions {
  /** Whether requests must name their tenant. */
  readonly hasTenants?: boolean
  /** More of `limits_config`, as lines of YAML. */
  readonly limits?: string
}

/** Starts a store without limits that would interfere. */
export async function startSkald(
  workDir: string,
  { hasTenants = false, limits = '' }: ServerOptions = {},
): Promise<PeerServer> {
  const dir = join(workDir, 'skald')
  mkdirSync(dir, { recursive: true })
  const port = await reservePort()
  const config = join(dir, 'store.yaml')
  writeFileSync(
    config,
    `auth_enabled: ${hasTenants}
server: {http_listen_address: ${loopbackHost}, http_listen_port: ${port}, log_level: error}
common: {path_prefix: ${JSON.stringify(join(dir, 'data'))}}
limits_config:
  reject_old_samples: false
  max_query_series: 100000
  max_entries_limit_per_query: 5000000
${limits}`,
  )
  const url = `http://${loopbackHost}:${port}`
  const args = ['store', `-config.file=${config}`]
  const store = spawnSkald({ args, outputFile: join(dir, 'log') })
  await waitUntilReady(store, `${url}/ready`, readyMs)
  return { url, stop: () => store.end('SIGTERM') }
}

/** Starts a Loki 3.7 as one process, without caches, so that every answer is computed. */
export async function startLoki(
  program: string,
  workDir: string,
  options: ServerOptions & { readonly hasShards?: boolean } = {},
): Promise<PeerServer> {
  const { hasShards = true, hasTenants = false, limits = '' } = options
  const dir = join(workDir, hasShards ? 'loki' : 'loki-unsharded')
  mkdirSync(dir, { recursive: true })
  const [port, grpcPort] = [await reservePort(), await reservePort()]
  const config = join(dir, 'loki.yaml')
  writeFileSync(
    config,
    `auth_enabled: ${hasTenants}
server: {http_listen_address: ${loopbackHost}, http_listen_port: ${port}, grpc_listen_address: ${loopbackHost}, grpc_listen_port: ${grpcPort}, log_level: error}
analytics: {reporting_enabled: false}
common:
  path_prefix: ${JSON.stringify(dir)}
  instance_addr: ${loopbackHost}
  replication_factor: 1
  storage: {filesystem: {chunks_directory: ${JSON.stringify(join(dir, 'chunks'))}, rules_directory: ${JSON.stringify(join(dir, 'rules'))}}}
  ring: {instance_addr: ${loopbackHost}, kvstore: {store: inmemory}}
memberlist: {bind_addr: [${loopbackHost}], advertise_addr: ${loopbackHost}}
schema_config:
  configs: [{from: 2020-10-24, store: tsdb, object_store: filesystem, schema: v13, index: {prefix: index_, period: 24h}}]
query_range:
  parallelise_shardable_queries: ${hasShards}
  cache_results: false
  cache_index_stats_results: false
  cache_volume_results: false
  cache_instant_metric_results: false
  cache_series_results: false
  cache_label_results: false
limits_config:
  ingestion_rate_mb: 10000
  ingestion_burst_size_mb: 10000
  per_stream_rate_limit: 10GB
  per_stream_rate_limit_burst: 10GB
  reject_old_samples: false
  allow_structured_metadata: true
  max_query_series: 100000
  max_entries_limit_per_query: 5000000
${limits}`,
  )
  const log = openSync(join(dir, 'log'), 'a')
  const child = spawn(program, [`-config.file=${config}`], { stdio: ['ignore', log, log] })
  closeSync(log)
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  process.on('exit', () => child.kill('SIGKILL'))
  const url = `http://${loopbackHost}:${port}`
  for (const endMs = Date.now() + readyMs; ; await sleep(200)) {
    if (await isReady(url)) break
    if (child.exitCode !== null) throw new Error(`Loki ended: see ${join(dir, 'log')}`)
    if (Date.now() > endMs) throw new Error(`Loki is not ready: see ${join(dir, 'log')}`)
  }
  const stop = async () => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), endGraceMs)
    await exited
    clearTimeout(timer)
  }
  return { url, stop }
}

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/ready`).catch(() => undefined)
  await response?.arrayBuffer()
  return response?.ok === true
}

/** Pushes the lines of all streams, and waits until queries find them. */
export async function load({ url }: PeerServer, streams: readonly DataStream[]): Promise<void> {
  for (const { labels, entries } of streams) {
    const response = await fetch(`${url}/loki/api/v1/push`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ streams: [{ stream: labels, values: entries }] }),
    })
    const text = await response.text()
    if (response.status !== 204)
      throw new Error(`${url} answered a push ${response.status}: ${text}`)
  }
  // Loki looks for lines older than three hours only on disk.
  await fetch(`${url}/flush`, { method: 'POST' })
  const wanted = streams.reduce((sum, { entries }) => sum + entries.length, 0)
  const endNs = streams
    .flatMap(({ entries }) => entries)
    .reduce((max, [timeNs]) => (BigInt(timeNs) > max ? BigInt(timeNs) : max), 0n)
  const params = new URLSearchParams({
    query: 'sum(count_over_time({app=~".+"}[24h]))',
    time: String(endNs + 1_000_000_000n),
  })
  for (let i = 0; i < 240; i++) {
    const response = await fetch(`${url}/loki/api/v1/query?${params}`)
    const body = (await response.json()) as { data: { result: { value: [number, string] }[] } }
    if (Number(body.data.result[0]?.value[1]) === wanted) return
    await sleep(500)
  }
  throw new Error(`${url} does not find all of the ${wanted} lines that it took`)
}
