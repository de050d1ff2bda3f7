// Pushes at a steady rate, whatever the answers: how long they take, and what becomes of them while the bucket is
// away.

import { setTimeout as sleep } from 'node:timers/promises'
import { lokiPushPath } from '../ingest.ts'
import type { Records } from '../record-file.ts'
import { HttpClient, type Server } from '../server.ts'

/** What became of pushes. */
export interface PushOutcomes {
  /** Time to a 204, sorted. */
  readonly acceptedMs: readonly number[]
  /** Pushes that were answered 503 with `Retry-After`. */
  readonly refusedCount: number
  /** Pushes that were answered otherwise, or not at all. */
  readonly otherCount: number
  /** Numbers of the bodies that were not accepted. */
  readonly left: readonly number[]
  readonly seconds: number
}

export interface SteadyPushes {
  readonly bodies: Records
  readonly from: number
  readonly to: number
  readonly perSecond: number
}

/** Pushes bodies once each. A push does not wait for the one before. */
export async function pushSteadily(
  server: Server,
  { bodies, from, to, perSecond }: SteadyPushes,
): Promise<PushOutcomes> {
  const client = new HttpClient(server.url, 64, {})
  const acceptedMs: number[] = []
  const left: number[] = []
  let refusedCount = 0
  let otherCount = 0
  const pushOne = async (index: number) => {
    const startMs = performance.now()
    const answer = await client.send(lokiPushPath, bodies.read(index)).catch(() => undefined)
    if (answer?.status === 204) {
      acceptedMs.push(performance.now() - startMs)
      return
    }
    left.push(index)
    if (answer?.status === 503 && answer.retryAfterMs > 0) refusedCount++
    else otherCount++
  }
  const startMs = performance.now()
  const pushes: Promise<void>[] = []
  for (let index = from; index < to; index++) {
    const dueMs = startMs + ((index - from) * 1000) / perSecond
    await sleep(Math.max(0, dueMs - performance.now()))
    pushes.push(pushOne(index))
  }
  await Promise.all(pushes)
  client.close()
  acceptedMs.sort((a, b) => a - b)
  const seconds = (performance.now() - startMs) / 1000
  return { acceptedMs, refusedCount, otherCount, left, seconds }
}

/** Returns a quantile of sorted values. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
