// Shared by the tests: a server that accepts pushes on loopback, and agents in separate processes.

import '../../../test/keep-directories.ts'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { snappyDecompress } from '@skald/wire'
import { decodePushRequest } from '@skald/wire/push-codec'
import pino from 'pino'
import type { Test } from 'tap'
import { cleanEnv, skaldCommand } from '../../../test/skald-command.ts'
import { type Agent, type AgentOptions, loadAgentConfig, startAgent } from '../src/index.ts'

/** An entry as received. */
export interface ReceivedEntry {
  readonly labels: string
  readonly timestampNs: bigint
  readonly line: string
  readonly tenant: string | undefined
  readonly metadata: Readonly<Record<string, string>>
}

/** A push as received. */
export interface ReceivedPush {
  readonly entries: readonly ReceivedEntry[]
  readonly bodyBytes: number
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** A server that accepts pushes. */
export interface Receiver {
  readonly url: string
  readonly entries: readonly ReceivedEntry[]
  /** Number of requests not answered with 204. */
  readonly refusals: number
  /** Answers all further pushes with this status. */
  respond(status: number): void
  /**
   * Answers further pushes as the function decides: with a status, or in its own way (`undefined`). Entries
   * count as received with 204 and 200.
   */
  answer(how: ((push: ReceivedPush) => number | undefined) | undefined): void
  /** Resolves when the condition holds. Checks it after each request. */
  until(condition: () => boolean): Promise<void>
}

/** Starts a receiver that stops with the test. */
export async function startReceiver(t: Test): Promise<Receiver> {
  const entries: ReceivedEntry[] = []
  const waiting = new Set<() => void>()
  let status = 204
  let refusals = 0
  let how: ((push: ReceivedPush) => number | undefined) | undefined
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('error', () => undefined)
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const found = decode(body, request.headers['x-scope-orgid'] as string | undefined)
      const push = { entries: found, bodyBytes: body.length, request, response }
      const answered = how ? how(push) : status
      if (answered === 204 || answered === 200) entries.push(...found)
      else refusals++
      if (answered !== undefined && !response.headersSent) {
        response.statusCode = answered
        response.end(answered === 204 ? undefined : 'told so\n')
      }
      for (const check of waiting) check()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/loki/api/v1/push`,
    entries,
    get refusals() {
      return refusals
    },
    respond(next) {
      status = next
    },
    answer(next) {
      how = next
    },
    async until(condition) {
      if (condition()) return
      await new Promise<void>(resolve => {
        const check = () => {
          if (!condition()) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
      })
    },
  }
}

function decode(body: Buffer, tenant: string | undefined): ReceivedEntry[] {
  return decodePushRequest(snappyDecompress(body, 1 << 28)).flatMap(stream =>
    Array.from({ length: stream.entryCount }, (_, i) => ({
      labels: stream.labelsText,
      timestampNs: BigInt(stream.seconds[i]!) * 1_000_000_000n + BigInt(stream.nanos[i]!),
      line: stream.bytes.toString(
        'utf8',
        stream.lineOffsets[i]!,
        stream.lineOffsets[i]! + stream.lineLengths[i]!,
      ),
      tenant,
      metadata: Object.fromEntries(
        (stream.metadata?.[i] ?? []).map(({ name, value }) => [name, value]),
      ),
    })),
  )
}

/** Returns numbered lines. */
export function lines(prefix: string, from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `${prefix} ${from + i}`)
}

/** Returns the content of a file with these lines. */
export function text(all: readonly string[]): string {
  return all.map(line => `${line}\n`).join('')
}

/** Returns lines that do not compress, so that they fill memory. */
export const noise = (count: number) =>
  Array.from(
    { length: count },
    (_, i) =>
      `${i} ${Buffer.from(crypto.getRandomValues(new Uint8Array(1500))).toString('base64')}`,
  )

/** Polls until a condition holds. */
export async function waitFor(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 20))
}

/** Returns a configuration that reads `*.log` in a directory. `job` is YAML for the job, indented by 4. */
export function configText(options: {
  readonly directory: string
  readonly url: string
  readonly job?: string
  readonly top?: string
  /** Whether the agent pushes gap markers, which most tests do not expect among their lines. */
  readonly marksGaps?: boolean
}): string {
  const { directory, url, job = '', marksGaps = false } = options
  const { top: given = '' } = options
  // Some tests give other limits.
  const top = given.includes('limits_config:')
    ? given
    : `limits_config: {gap_markers: ${marksGaps}}\n${given}`
  return `server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
positions: {filename: "${directory}/positions.yaml", sync_period: 100ms}
clients:
  - url: ${url}
    batchwait: 20ms
    backoff_config: {min_period: 20ms, max_period: 50ms}
target_config: {sync_period: 200ms}
${top}
scrape_configs:
  - job_name: test
    static_configs: [{labels: {job: test, __path__: "${directory}/*.log"}}]
${job}`
}

/** Starts an agent in this process. It stops with the test. */
export async function startTestAgent(
  t: Test,
  text: string,
  more: Partial<AgentOptions> = {},
): Promise<Agent> {
  const config = await loadAgentConfig({ text, path: 'test.yaml' })
  const logger = pino({ level: 'silent' })
  const agent = await startAgent({ config, logger, version: 'test', hostname: 'host', ...more })
  t.teardown(() => agent.stop())
  return agent
}

/** Starts an agent in a process that can be killed. Resolves when it is reading. */
export async function spawnAgent(
  t: Test,
  configPath: string,
  /** A command to run the appended one with, further environment and flags. */
  {
    wrap = [],
    env = {},
    args = [],
  }: {
    readonly wrap?: readonly string[]
    readonly env?: Record<string, string>
    readonly args?: readonly string[]
  } = {},
): Promise<ChildProcess> {
  const command = [...wrap, skaldCommand, 'agent', `-config.file=${configPath}`, ...args]
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...cleanEnv(), ...env },
  })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    // Anything it still writes would keep the test's directory from being removed.
    await exited
  })
  await new Promise<void>((resolve, reject) => {
    let text = ''
    child.once('exit', () => reject(new Error(`The agent ended: ${text}`)))
    child.stderr!.on('data', chunk => {
      text += chunk
      if (text.includes('Agent started')) resolve()
    })
  })
  return child
}

/**
 * Runs a command as if the disk were full: no file may grow beyond a few kilobytes. A test runner's
 * preloaded code would die from that limit's signal, which Node ignores.
 */
export const fullDisk = ['sh', '-c', 'unset NODE_OPTIONS; ulimit -S -f 8; exec "$@"', 'sh']

/** Lifts the limit of a process that runs `onFullDisk`. */
export function makeRoom({ pid }: ChildProcess): void {
  execFileSync('prlimit', [`--pid=${pid}`, '--fsize=unlimited'])
}

/** Why a full disk cannot be simulated; false if it can. */
export const skipFullDisk =
  spawnSync('prlimit', ['--version']).status === 0
    ? false
    : 'prlimit of util-linux, which makes room again, is not there'
