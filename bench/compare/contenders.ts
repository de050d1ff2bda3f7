// The servers of the comparison: how each is started on loopback with settings that fit the load,
// asked, and told to write what it has in memory.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  loopbackHost,
  reservePort,
  type SkaldProcess,
  spawnProgram,
  waitUntilReady,
} from '../../e2e/skald-process.ts'
import { readCpuSeconds } from '../cpu.ts'
import type { WorkloadSummary } from '../generator.ts'
import { queryPath } from '../query.ts'
import { directoryBytes, type StoreServer, startStoreServer } from '../server.ts'
import { type Figures, readLogqlFigures, readLogsqlFigures } from './figures.ts'
import type { Question } from './questions.ts'

export type ContenderName = 'Skald' | 'Loki' | 'VictoriaLogs'

/** A server to compare. */
export interface Contender {
  readonly name: ContenderName
  /** Starts it on a directory and waits until it is ready. */
  start(workDir: string, dataDir: string): Promise<StoreServer>
  /** Returns the path of a question with its times. */
  pathOf(question: Question, load: WorkloadSummary): string
  read(body: string, question: Question): Figures
  /** Request that makes it write what it has in memory, if it has one. */
  readonly flush?: { readonly method: 'GET' | 'POST'; readonly path: string }
  /** Size of what it stores for good. */
  diskBytes(dataDir: string): number
  /** Reads its version from the running server. */
  version(url: string): Promise<string>
}

const startTimeoutMs = 180_000

const logql: Pick<Contender, 'pathOf' | 'read'> = {
  pathOf({ logql: { route, query, params } }, { options, endMs }) {
    const times: Record<string, string> =
      route === 'query'
        ? // A second after the last line, over a little more than the hour.
          { time: `${endMs + 1000}000000` }
        : { start: `${options.startMs}000000`, end: `${endMs}000000` }
    return queryPath(route, { query, ...times, ...params })
  },
  read: (body, { form }) => readLogqlFigures(body, form),
}

/** Skald's store, from this tree. */
export const skald: Contender = {
  name: 'Skald',
  start: startStoreServer,
  ...logql,
  diskBytes: directoryBytes,
  version: async () => '',
}

/** Returns a Loki to compare with. */
export function lokiOf(program: string): Contender {
  return {
    name: 'Loki',
    async start(workDir, dataDir) {
      const [port, grpcPort] = [await reservePort(), await reservePort()]
      const configFile = join(workDir, 'loki.yaml')
      await writeFile(configFile, lokiConfig({ dataDir, port, grpcPort }))
      return startProgram({
        ...{ program, args: [`-config.file=${configFile}`], workDir, dataDir, port },
        readyPath: '/ready',
        outputFile: join(workDir, 'loki.log'),
      })
    },
    ...logql,
    flush: { method: 'POST', path: '/flush' },
    // It truncates its write-ahead log later.
    diskBytes: dataDir => directoryBytes(dataDir) - directoryBytes(join(dataDir, 'wal')),
    async version(url) {
      const response = await fetch(new URL('/loki/api/v1/status/buildinfo', url))
      return ((await response.json()) as { version: string }).version.replace(/^v/, '')
    },
  }
}

/** The configuration of `bench/README.md`, on loopback, ready as soon as it has replayed its log. */
function lokiConfig(to: { dataDir: string; port: number; grpcPort: number }): string {
  const dir = JSON.stringify(to.dataDir)
  return `auth_enabled: false
analytics: {reporting_enabled: false}
server:
  http_listen_address: ${loopbackHost}
  http_listen_port: ${to.port}
  grpc_listen_address: ${loopbackHost}
  grpc_listen_port: ${to.grpcPort}
  log_level: warn
common:
  path_prefix: ${dir}
  instance_addr: ${loopbackHost}
  replication_factor: 1
  ring:
    instance_addr: ${loopbackHost}
    kvstore:
      store: inmemory
schema_config:
  configs:
    - from: 2024-01-01
      store: tsdb
      object_store: filesystem
      schema: v13
      index:
        prefix: index_
        period: 24h
storage_config:
  filesystem:
    directory: ${JSON.stringify(join(to.dataDir, 'chunks'))}
ingester:
  lifecycler:
    min_ready_duration: 0s
limits_config:
  ingestion_rate_mb: 10000
  ingestion_burst_size_mb: 10000
  per_stream_rate_limit: 10GB
  per_stream_rate_limit_burst: 10GB
  reject_old_samples: false
  query_timeout: 5m
`
}

/** Returns a VictoriaLogs to compare with. It keeps whole lines, as the others do. */
export function victoriaLogsOf(program: string): Contender {
  return {
    name: 'VictoriaLogs',
    async start(workDir, dataDir) {
      const port = await reservePort()
      const args = [
        `-storageDataPath=${dataDir}`,
        `-httpListenAddr=${loopbackHost}:${port}`,
        '-retentionPeriod=100y',
        '-loki.disableMessageParsing',
        '-search.maxQueryDuration=5m',
        '-loggerLevel=WARN',
      ]
      const server = await startProgram({
        ...{ program, args, workDir, dataDir, port },
        readyPath: '/health',
        outputFile: join(workDir, 'victorialogs.log'),
      })
      return { ...server, pushPath: '/insert/loki/api/v1/push' }
    },
    pathOf({ logsql: { query, params } }, { options, endMs }) {
      const times = { start: String(options.startMs), end: String(endMs) }
      return `/select/logsql/query?${new URLSearchParams({ query, ...times, ...params })}`
    },
    read: (body, { form }) => readLogsqlFigures(body, form),
    flush: { method: 'GET', path: '/internal/force_flush' },
    diskBytes: directoryBytes,
    async version(url) {
      const text = await (await fetch(new URL('/metrics', url))).text()
      return /^vm_app_version\{[^}]*version="[^"]*?v?(\d+\.\d+\.\d+)/m.exec(text)?.[1] ?? ''
    },
  }
}

interface ProgramStart {
  readonly program: string
  readonly args: readonly string[]
  readonly workDir: string
  readonly dataDir: string
  readonly port: number
  readonly readyPath: string
  readonly outputFile: string
}

async function startProgram(options: ProgramStart): Promise<StoreServer> {
  const { program, args, workDir, dataDir, port, readyPath, outputFile } = options
  await mkdir(dataDir, { recursive: true })
  const url = `http://${loopbackHost}:${port}`
  const started: SkaldProcess = spawnProgram(program, { args, outputFile, cwd: workDir })
  const readyMs = await waitUntilReady(started, `${url}${readyPath}`, startTimeoutMs)
  const readyCpuMs = readCpuSeconds(started.pid) * 1000
  // It says nothing of what it still has to do, so quiet means done.
  const isSettled = async () => true
  return { url, pid: started.pid, dataDir, readyMs, readyCpuMs, process: started, isSettled }
}
