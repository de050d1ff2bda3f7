// Sends the workload over HTTP as fast as the server accepts it, and measures the server's cost,
// including compaction.

import { setTimeout as sleep } from 'node:timers/promises'
import { readCpuSeconds, readPeakRssBytes } from './cpu.ts'
import type { WorkloadSummary } from './generator.ts'
import type { Records } from './record-file.ts'
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

/** Where servers take Loki's pushes. */
export const lokiPushPath = '/loki/api/v1/push'
const retryMsMin = 50

/** Sends all pushes, waits until the server is quiet, and returns the cost. */
export async function runIngest(
  server: Server,
  workload: WorkloadSummary & { readonly bodies: Records },
  options: IngestOptions,
): Promise<IngestResult> {
  const cpuBefore = server.pid === undefined ? 0 : readCpuSeconds(server.pid)
  const readCpu = () =>
    server.pid === undefined ? undefined : readCpuSeconds(server.pid) - cpuBefore
  const startMs = performance.now()
  const retryCount = await pushAll(server, workload.bodies, options)
  const wallSeconds = (performance.now() - startMs) / 1000
  const pushCpuSeconds = readCpu()
  const settled = await waitUntilQuiet(server, settleTimeoutMs(workload.lineBytes))
  return {
    lineBytes: workload.lineBytes,
    lineCount: workload.lineCount,
    pushCount: workload.bodies.count,
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
  bodies: Records,
  { connectionCount, headers }: IngestOptions,
): Promise<number> {
  const client = new HttpClient(server.url, connectionCount, headers)
  let next = 0
  let retryCount = 0
  const sendNext = async () => {
    while (next < bodies.count) {
      retryCount += await pushOne(client, bodies.read(next++), server.pushPath)
    }
  }
  await Promise.all(Array.from({ length: connectionCount }, sendNext))
  client.close()
  return retryCount
}

/** Sends a push until the server takes it. Returns how many times it had to be sent again. */
export async function pushOne(
  client: HttpClient,
  body: Buffer,
  path = lokiPushPath,
): Promise<number> {
  for (let retryCount = 0; ; retryCount++) {
    const answer = await client.send(path, body)
    if (answer.status === 204) return retryCount
    await waitForRetry(answer)
  }
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
const pollMs = 1_000
/** An idle process uses less than this in one poll. */
const idleCpuSecondsPerPoll = 0.05

/** Three minutes, and one more for each gigabyte of lines. */
function settleTimeoutMs(lineBytes: number): number {
  return 180_000 + (lineBytes / 1e9) * 60_000
}

/** Measurements after the last answer. */
interface Settled {
  readonly seconds: number
  /** CPU of the polls in which the server worked. Waiting for the age of level 0 is not ingest. */
  readonly cpuSeconds: number
  readonly idleCpuMsPerSecond: number | undefined
}

/** Waits until compaction is done, and process and directory have been quiet for a while. */
async function waitUntilQuiet(server: Server, timeoutMs: number): Promise<Settled> {
  const { pid, dataDir } = server
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
    const isDone = isQuiet && (await isSettled(server, nowMs - startMs))
    if (!isDone && nowMs - startMs <= timeoutMs) continue
    return {
      seconds: (stillSinceMs - startMs) / 1000,
      cpuSeconds,
      idleCpuMsPerSecond: idlePollCount > 0 ? (idleCpuSeconds * 1000) / idlePollCount : undefined,
    }
  }
}

async function isSettled(server: Server, waitedMs: number): Promise<boolean> {
  if (server.isSettled) return server.isSettled()
  return (await readIsDone(server.url)) ?? waitedMs > compactionDelayMs
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
