// Sends the workload over HTTP as fast as the server accepts it, and measures the server's cost,
// including compaction.

import { setTimeout as sleep } from 'node:timers/promises'
import { readCpuSeconds, readPeakRssBytes } from './cpu.ts'
import type { Workload } from './generator.ts'
import { type Answer, directoryBytes, HttpClient, type Server } from './server.ts'

/** Cost of ingest. */
export interface IngestResult {
  readonly lineBytes: number
  readonly lineCount: number
  readonly pushCount: number
  /** Pushes answered with 429 or 503 and sent again. */
  readonly retryCount: number
  /** From the first byte sent to the last answer. */
  readonly wallSeconds: number
  /** CPU up to the last answer. */
  readonly pushCpuSeconds: number | undefined
  /** CPU until compaction finished. */
  readonly cpuSeconds: number | undefined
  readonly settleSeconds: number
  /** CPU per second while the server was idle, waiting to compact. */
  readonly idleCpuMsPerSecond: number | undefined
  readonly peakRssBytes: number | undefined
  readonly diskBytes: number | undefined
}

/** Options for sending. */
export interface IngestOptions {
  readonly connectionCount: number
  readonly headers: Readonly<Record<string, string>>
}

const pushPath = '/loki/api/v1/push'
const retryMsMin = 50

/** Sends all pushes, waits until the server is quiet, and returns the cost. */
export async function runIngest(
  server: Server,
  workload: Workload,
  options: IngestOptions,
): Promise<IngestResult> {
  const cpuBefore = server.pid === undefined ? 0 : readCpuSeconds(server.pid)
  const readCpu = () =>
    server.pid === undefined ? undefined : readCpuSeconds(server.pid) - cpuBefore
  const startMs = performance.now()
  const retryCount = await pushAll(server, workload.bodies, options)
  const wallSeconds = (performance.now() - startMs) / 1000
  const pushCpuSeconds = readCpu()
  const settled = await waitUntilQuiet(server)
  return {
    lineBytes: workload.lineBytes,
    lineCount: workload.lineCount,
    pushCount: workload.bodies.length,
    retryCount,
    wallSeconds,
    pushCpuSeconds,
    cpuSeconds: pushCpuSeconds === undefined ? undefined : pushCpuSeconds + settled.cpuSeconds,
    settleSeconds: settled.seconds,
    idleCpuMsPerSecond: settled.idleCpuMsPerSecond,
    peakRssBytes: server.pid === undefined ? undefined : readPeakRssBytes(server.pid),
    diskBytes: server.dataDir === undefined ? undefined : directoryBytes(server.dataDir),
  }
}

/** Sends pushes in order over several connections. Returns how many had to be sent again. */
export async function pushAll(
  server: Server,
  bodies: readonly Buffer[],
  { connectionCount, headers }: IngestOptions,
): Promise<number> {
  const client = new HttpClient(server.url, connectionCount, headers)
  let next = 0
  let retryCount = 0
  const sendNext = async () => {
    while (next < bodies.length) {
      const body = bodies[next++]!
      for (;;) {
        const answer = await client.send(pushPath, body)
        if (answer.status === 204) break
        await waitForRetry(answer)
        retryCount++
      }
    }
  }
  await Promise.all(Array.from({ length: connectionCount }, sendNext))
  client.close()
  return retryCount
}

async function waitForRetry({ status, body, retryAfterMs }: Answer): Promise<void> {
  if (status !== 429 && status !== 503) {
    throw new Error(`Push was answered ${status}: ${body.slice(0, 500)}`)
  }
  await sleep(Math.max(retryMsMin, retryAfterMs))
}

/**
 * If a server does not report whether it is done, wait as long as a store takes to start
 * compacting.
 */
const compactionDelayMs = 65_000
const quietMs = 5_000
const settleTimeoutMs = 180_000
const pollMs = 1_000
/** An idle process uses less than this in one poll. */
const idleCpuSecondsPerPoll = 0.05

/** Measurements after the last answer. */
interface Settled {
  readonly seconds: number
  /** CPU of the polls in which the server worked. Waiting for the age of level 0 is not ingest. */
  readonly cpuSeconds: number
  readonly idleCpuMsPerSecond: number | undefined
}

/** Waits until compaction is done, and process and directory have been quiet for a while. */
async function waitUntilQuiet({ url, pid, dataDir }: Server): Promise<Settled> {
  if (pid === undefined) return { seconds: 0, cpuSeconds: 0, idleCpuMsPerSecond: undefined }
  const startMs = performance.now()
  let stillSinceMs = startMs
  let askedMs = startMs
  let lastCpuSeconds = readCpuSeconds(pid)
  let lastDiskBytes = dataDir === undefined ? 0 : directoryBytes(dataDir)
  let cpuSeconds = 0
  let idleCpuSeconds = 0
  let idlePollCount = 0
  for (;;) {
    await sleep(pollMs)
    const nowMs = performance.now()
    const spentSeconds = readCpuSeconds(pid) - lastCpuSeconds
    const diskBytes = dataDir === undefined ? 0 : directoryBytes(dataDir)
    if (spentSeconds < idleCpuSecondsPerPoll && diskBytes === lastDiskBytes) {
      idleCpuSeconds += spentSeconds
      idlePollCount++
    } else {
      cpuSeconds += spentSeconds
      stillSinceMs = nowMs
    }
    lastCpuSeconds += spentSeconds
    lastDiskBytes = diskBytes
    // Asking costs the server CPU that is measured, so ask rarely.
    const isQuiet = nowMs - stillSinceMs >= quietMs && nowMs - askedMs >= quietMs
    if (isQuiet) askedMs = nowMs
    const isDone = isQuiet && ((await readIsDone(url)) ?? nowMs - startMs > compactionDelayMs)
    if (!isDone && nowMs - startMs <= settleTimeoutMs) continue
    return {
      seconds: (stillSinceMs - startMs) / 1000,
      cpuSeconds,
      idleCpuMsPerSecond: idlePollCount > 0 ? (idleCpuSeconds * 1000) / idlePollCount : undefined,
    }
  }
}

/** Asks a store whether compaction is done. Returns undefined if the server does not report it. */
async function readIsDone(url: string): Promise<boolean | undefined> {
  const response = await fetch(new URL('/metrics', url))
  const text = await response.text()
  if (!response.ok || !/^skald_compaction_running /m.test(text)) return undefined
  const isRunning = /^skald_compaction_running 1/m.test(text)
  const levels = [...text.matchAll(/^skald_segments\{level="(\d+)"\} (\d+)/gm)]
  const hasLevelZero = levels.some(([, level, count]) => level === '0' && count !== '0')
  return levels.length > 0 && !isRunning && !hasLevelZero
}
