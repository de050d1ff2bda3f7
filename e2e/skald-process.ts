// Runs the command line as a real process for tests and benchmarks: starts it, waits until it is
// ready, and ends it by its process id. Knows nothing about what the process does.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { reservePort, takePort } from '../test/ports.ts'
import { cleanEnv, skaldCommand, sourceCommand } from '../test/skald-command.ts'

/** Root of the repository. */
export const rootDir = fileURLToPath(new URL('..', import.meta.url))

export { cleanEnv, reservePort, skaldCommand, sourceCommand, takePort }

/** A started process. */
export interface SkaldProcess {
  readonly pid: number
  /** Resolves when the process has ended. Never rejects. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>
  /** Returns everything written to stdout and stderr so far. */
  output(): string
  /** Sends a signal and waits for the end. Sends SIGKILL after 15 s. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** Options for starting a process. */
export interface SpawnOptions {
  readonly args: readonly string[]
  /** File to which stdout and stderr are appended. */
  readonly outputFile: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

const endGraceMs = 15_000

/** Running processes. A test process that ends early kills them. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts the command line with these arguments. */
export function spawnSkald(options: SpawnOptions): SkaldProcess {
  return spawnProgram(skaldCommand, options)
}

/** Starts any program, in the same way. */
export function spawnProgram(command: string, options: SpawnOptions): SkaldProcess {
  const output = openSync(options.outputFile, 'a')
  const child: ChildProcess = spawn(command, options.args, {
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
  if (child.pid === undefined) throw new Error(`Cannot start ${command}`)
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

/**
 * Waits until `url` answers 200. Returns how long that took, in milliseconds.
 * @throws Error with the end of the output when the process ends, or on timeout.
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
    // The connection is refused until the port is open, which is what we wait for.
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
 * Loopback address of this process only. While a server is down between a kill and its restart,
 * another test must not get its port, or it would receive what is sent to that server.
 */
export const loopbackHost = process.platform === 'linux' ? hostOf(process.pid) : '127.0.0.1'

/** Linux owns all of 127.0.0.0/8, and process ids have 22 bits. */
function hostOf(pid: number): string {
  return `127.${64 + ((pid >>> 16) & 63)}.${(pid >>> 8) & 255}.${pid & 255}`
}

/** Waits until a process has printed a text; half a minute at most. */
export async function untilOutput(skald: SkaldProcess, text: string): Promise<void> {
  for (let i = 0; !skald.output().includes(text); i++) {
    if (i > 600) throw new Error(`no "${text}" in ${skald.output()}`)
    await sleep(50)
  }
}
