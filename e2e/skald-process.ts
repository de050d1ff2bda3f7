// Runs the command line as a real process for tests and benchmarks: starts it, waits until it is
// ready, ends it by its process id. Nothing here knows what the process does.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** Root of the repository. */
export const rootDir = fileURLToPath(new URL('..', import.meta.url))

/** The command as the packages install it; it replaces itself by node, so its id is the program's. */
export const skaldCommand = fileURLToPath(new URL('../packages/skald/bin/skald', import.meta.url))

/** A started process. */
export interface SkaldProcess {
  readonly pid: number
  /** Settles when the process has ended; never rejects. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>
  /** Returns what the process has written to stdout and stderr so far. */
  output(): string
  /** Sends a signal and waits for the end; SIGKILL follows when 15 s were not enough. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** How to start a process. */
export interface SpawnOptions {
  readonly args: readonly string[]
  /** File that takes stdout and stderr; appended to. */
  readonly outputFile: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

const endGraceMs = 15_000

/** Processes that run; a test process that ends early takes them with it. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts the command line with these arguments. */
export function spawnSkald(options: SpawnOptions): SkaldProcess {
  const output = openSync(options.outputFile, 'a')
  const child: ChildProcess = spawn(skaldCommand, options.args, {
    cwd: options.cwd ?? rootDir,
    env: { ...cleanEnv(), ...options.env },
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  running.add(child)
  const exited = new Promise<{ code: number | null; signal: string | null }>(resolve => {
    child.once('exit', (code, signal) => {
      running.delete(child)
      resolve({ code, signal })
    })
    child.once('error', error => resolve({ code: null, signal: String(error) }))
  })
  if (child.pid === undefined) throw new Error(`Cannot start ${skaldCommand}`)
  return {
    pid: child.pid,
    exited,
    output: () => readFileSync(options.outputFile, 'utf8'),
    async end(signal) {
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), endGraceMs)
      await exited
      clearTimeout(timer)
    },
  }
}

/** The environment without what a test runner adds to make node processes report to it. */
export function cleanEnv(): Record<string, string | undefined> {
  const { NODE_OPTIONS: _options, NODE_V8_COVERAGE: _coverage, ...env } = process.env
  return env
}

/**
 * Waits until `url` answers 200 and returns how long it took, in milliseconds.
 *
 * @throws Error with the end of the output when the process ends, or when the time is over.
 */
export async function waitUntilReady(
  skald: SkaldProcess,
  url: string,
  timeoutMs: number,
): Promise<number> {
  const startMs = performance.now()
  let ended: string | undefined
  void skald.exited.then(({ code, signal }) => {
    ended = `ended with ${signal ?? code}`
  })
  while (performance.now() - startMs < timeoutMs) {
    if (ended) break
    // Until the port is open the connection is refused, which is what is being waited for.
    const status = await fetch(url).then(readStatus, () => 0)
    if (status === 200) return performance.now() - startMs
    await sleep(10)
  }
  const what = ended ?? `is not ready after ${timeoutMs} ms`
  throw new Error(`Process ${skald.pid} ${what}:\n${skald.output().slice(-4000)}`)
}

async function readStatus(response: Response): Promise<number> {
  await response.arrayBuffer()
  return response.status
}

/**
 * Loopback address of this process alone. While a server is down between being killed and started
 * again, another test must not be given its port: it would take what is sent to that server.
 */
export const loopbackHost = process.platform === 'linux' ? hostOf(process.pid) : '127.0.0.1'

/** Linux owns all of 127.0.0.0/8, and process ids have 22 bits. */
function hostOf(pid: number): string {
  return `127.${64 + ((pid >>> 16) & 63)}.${(pid >>> 8) & 255}.${pid & 255}`
}

/** Finds a port of `loopbackHost` that is free now. */
export function reservePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host: loopbackHost, port: 0 }, () => {
      const address = server.address()
      server.close(() => {
        if (address && typeof address === 'object') resolve(address.port)
        else reject(new Error('The system gave no port'))
      })
    })
  })
}

/** A port of 127.0.0.1 that another program has, until it is freed. */
export async function takePort(): Promise<{ readonly port: number; free(): Promise<void> }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return { port, free: () => new Promise(resolve => server.close(() => resolve())) }
}
