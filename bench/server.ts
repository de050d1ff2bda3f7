// The server to measure: a store that the benchmark starts on a separate directory, or any other
// with Loki's API.

import { readdirSync, statSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { request as requestTls, Agent as TlsAgent } from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  loopbackHost,
  reservePort,
  type SkaldProcess,
  spawnSkald,
  waitUntilReady,
} from '../e2e/skald-process.ts'
import { readCpuSeconds } from './cpu.ts'

/** A server to measure. */
export interface Server {
  readonly url: string
  /** Process whose CPU and memory are measured. Unknown for a remote server. */
  readonly pid: number | undefined
  /** Directory whose size is measured. Unknown for a remote server. */
  readonly dataDir: string | undefined
  /** Where it takes Loki's pushes. Loki's path if absent. */
  readonly pushPath?: string
  /** Resolves with true when it has stored all it got, once it is quiet. Absent if unknown. */
  readonly isSettled?: () => Promise<boolean>
}

/** A store that the benchmark started. */
export interface StoreServer extends Server {
  readonly pid: number
  readonly dataDir: string
  /** From the start of the process to the first 200 of /ready. */
  readonly readyMs: number
  /** CPU until then. The wall time also depends on other processes. */
  readonly readyCpuMs: number
  readonly process: SkaldProcess
}

const startTimeoutMs = 60_000

/** Starts `skald store` on `dataDir`, with limits that do not slow the benchmark down. */
export async function startStoreServer(
  workDir: string,
  dataDir: string,
  moreConfig = '',
  /** Directory with a certificate, for a store that speaks TLS. */
  tls?: string,
): Promise<StoreServer> {
  const port = await reservePort()
  await mkdir(dataDir, { recursive: true })
  const configFile = join(workDir, 'store.yaml')
  await writeFile(
    configFile,
    `auth_enabled: false
server:
  http_listen_address: ${loopbackHost}
  http_listen_port: ${port}
${tls === undefined ? '' : `  http_tls_config: {cert_file: ${tls}/server.crt, key_file: ${tls}/server.key}\n`}common:
  path_prefix: ${JSON.stringify(dataDir)}
limits_config:
  ingestion_rate_mb: 10000
  ingestion_burst_size_mb: 10000
  per_stream_rate_limit: 10GB
  per_stream_rate_limit_burst: 10GB
  reject_old_samples: false
${moreConfig}`,
  )
  const url = `${tls === undefined ? 'http' : 'https'}://${loopbackHost}:${port}`
  const skald = spawnSkald({
    args: ['store', `-config.file=${configFile}`],
    outputFile: join(workDir, 'store.log'),
  })
  const readyMs = await (tls === undefined
    ? waitUntilReady(skald, `${url}/ready`, startTimeoutMs)
    : waitUntilReadyOverTls(url))
  const readyCpuMs = readCpuSeconds(skald.pid) * 1000
  return { url, pid: skald.pid, dataDir, readyMs, readyCpuMs, process: skald }
}

/** Resolves with the time until /ready is answered with 200, in ms. */
async function waitUntilReadyOverTls(url: string): Promise<number> {
  const client = new HttpClient(url, 1, {})
  const startMs = performance.now()
  for (;;) {
    const passedMs = performance.now() - startMs
    const status = await client.send('/ready').then(
      answer => answer.status,
      () => 0,
    )
    if (status === 200) break
    if (passedMs > startTimeoutMs) throw new Error(`${url} is not ready after ${passedMs} ms`)
    await sleep(50)
  }
  client.close()
  return performance.now() - startMs
}

/** A complete HTTP answer. */
export interface Answer {
  readonly status: number
  readonly body: string
  readonly retryAfterMs: number
}

/** Sends requests over a fixed number of kept connections. */
export class HttpClient {
  readonly #agent: Agent
  readonly #isTls: boolean
  readonly #url: string
  readonly #headers: Readonly<Record<string, string>>

  constructor(url: string, connectionCount: number, headers: Readonly<Record<string, string>>) {
    this.#url = url
    const kept = { keepAlive: true, maxSockets: connectionCount }
    this.#isTls = url.startsWith('https:')
    // The certificate is one of the benchmark's own.
    this.#agent = this.#isTls
      ? new TlsAgent({ ...kept, rejectUnauthorized: false })
      : new Agent(kept)
    this.#headers = headers
  }

  /** Sends a push request if there is a body, else a query. */
  send(path: string, body?: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers: Record<string, string> = { ...this.#headers }
      if (body) {
        headers['content-type'] = 'application/x-protobuf'
        headers['content-length'] = String(body.length)
      }
      const outgoing = (this.#isTls ? requestTls : request)(
        new URL(path, this.#url),
        { agent: this.#agent, method: body ? 'POST' : 'GET', headers },
        response => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            const retryAfterMs = Number(response.headers['retry-after'] ?? 0) * 1000
            const text = Buffer.concat(chunks).toString('utf8')
            resolve({ status: response.statusCode ?? 0, body: text, retryAfterMs })
          })
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** Sums up the sizes of all files below a directory. */
export function directoryBytes(dir: string): number {
  let total = 0
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    try {
      const stat = statSync(join(dir, name))
      if (stat.isFile()) total += stat.size
    } catch (error) {
      // Compaction removed the file after it was listed.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return total
}
