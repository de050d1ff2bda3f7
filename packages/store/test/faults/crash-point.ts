// Ends a real process before or after one of its calls to the disk, starts it again, and checks that
// every acknowledged line is there once.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { builtThreads, cleanEnv } from '../../../../test/skald-command.ts'

export interface CrashPoint {
  /** Number of the call, from 1. */
  readonly at: number
  readonly when: 'before' | 'after'
}

export interface CrashOutcome {
  /** Whether the process came to this call. */
  readonly hasEnded: boolean
  readonly acknowledged: number
  readonly problems: readonly string[]
}

interface Process {
  readonly child: ChildProcessByStdio<null, Readable, null>
  readonly url: string | undefined
  readonly exited: Promise<unknown>
  readonly output: () => string
}

const main = fileURLToPath(new URL('crashing-main.ts', import.meta.url))

async function start(dir: string, { at, when }: CrashPoint): Promise<Process> {
  const child = spawn(process.execPath, [...builtThreads, main, dir, String(at), when], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Otherwise most of the time goes into reading the program.
    env: { ...cleanEnv(), NODE_COMPILE_CACHE: join(tmpdir(), 'skald-crash-point-cache') },
  })
  // Its output has ended too.
  const exited = once(child, 'close')
  let read = ''
  const begun = Promise.withResolvers<void>()
  child.stdout.on('data', (chunk: Buffer) => {
    read += chunk.toString()
    if (read.includes('\n')) begun.resolve()
  })
  child.stdout.on('end', () => begun.resolve())
  await begun.promise
  return { child, url: /^http:\S+/m.exec(read)?.[0], exited, output: () => read }
}

/** Runs a store to a crash point in a directory that it empties. */
export async function runCrashPoint(point: CrashPoint, dir: string): Promise<CrashOutcome> {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const acknowledged: string[] = []
  // A delete request takes whole seconds, in the past.
  const nowMs = Math.floor(Date.now() / 1000) * 1000 - 5000
  const request = (url: string, path: string, init?: RequestInit) =>
    fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(20_000) })
  const push = async (url: string, number: number) => {
    const line = `line ${number} ${number % 2 === 0 ? 'secret' : 'plain'}`
    const values = [[`${nowMs}${String(number).padStart(6, '0')}`, line]]
    const body = JSON.stringify({ streams: [{ stream: { app: 'x' }, values }] })
    const headers = { 'content-type': 'application/json' }
    const { status } = await request(url, '/loki/api/v1/push', { method: 'POST', body, headers })
    if (status === 204) acknowledged.push(line)
  }
  const flush = (url: string) => request(url, '/flush', { method: 'POST' })
  const params = (query: string) =>
    new URLSearchParams({
      ...{ query, start: String((nowMs - 60_000) / 1000), end: String((nowMs + 1000) / 1000) },
    })
  const first = await start(dir, point)
  let isDeleted = false
  try {
    const { url } = first
    if (url) {
      for (let i = 0; i < 4; i++) await push(url, i)
      await flush(url)
      await push(url, 4)
      await flush(url)
      const query = params('{app="x"} |= "secret"')
      const { status } = await request(url, `/loki/api/v1/delete?${query}`, { method: 'POST' })
      isDeleted = status === 204
      await flush(url)
      await push(url, 5)
      await flush(url)
    }
  } catch {
    // The process has ended.
  }
  first.child.kill('SIGKILL')
  await first.exited
  const hasEnded = first.output().includes('ended ')
  const second = await start(dir, { at: 0, when: 'before' })
  const problems: string[] = []
  try {
    if (!second.url) throw new Error('the store does not start again')
    await flush(second.url)
    const answer = await request(
      second.url,
      `/loki/api/v1/query_range?${params('{app="x"}')}&limit=1000`,
    )
    const { data, warnings = [] } = (await answer.json()) as {
      data: { result: { values: [string, string][] }[] }
      warnings?: string[]
    }
    problems.push(...warnings)
    const lines = data.result.flatMap(({ values }) => values.map(([, line]) => line))
    if (new Set(lines).size < lines.length) problems.push('a line is there twice')
    for (const line of acknowledged) {
      const isSecret = line.endsWith('secret')
      if (!isSecret && !lines.includes(line)) problems.push(`${line} is lost`)
      if (isSecret && isDeleted && lines.includes(line)) problems.push(`${line} was deleted`)
    }
  } catch (error) {
    problems.push((error as Error).message)
  }
  second.child.kill('SIGKILL')
  await second.exited
  return { hasEnded, acknowledged: acknowledged.length, problems }
}
