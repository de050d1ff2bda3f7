// One request to a server: its answer, its time, and the CPU that the server's process spent on it.

import { setTimeout as sleep } from 'node:timers/promises'
import { readThreadCpuMs } from './cpu.ts'
import type { Answer, HttpClient } from './server.ts'

/** Median and extremes of a figure. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** An answer and what it cost. */
export interface Asked {
  readonly answer: Answer
  readonly wallMs: number
  /** User and system time of all threads. Absent without a process. */
  readonly cpuMs: number | undefined
}

/** Pause after an answer, so that the server's cleanup counts for its query. */
const afterAnswerMs = 100

/** Sends one request and waits for its answer. `pid` is the server's process. */
export async function ask(
  client: HttpClient,
  pid: number | undefined,
  path: string,
): Promise<Asked> {
  const cpuBeforeMs = pid === undefined ? undefined : readThreadCpuMs(pid)
  const startMs = performance.now()
  const answer = await client.send(path)
  const wallMs = performance.now() - startMs
  await sleep(afterAnswerMs)
  const cpuMs =
    pid === undefined || cpuBeforeMs === undefined ? undefined : readThreadCpuMs(pid) - cpuBeforeMs
  return { answer, wallMs, cpuMs }
}

/** Returns median and extremes of at least one value. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)]!, min: sorted[0]!, max: sorted.at(-1)! }
}
