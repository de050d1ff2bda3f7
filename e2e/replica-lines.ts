// Lines for tests with replicas: pushes that are repeated until a replica answers, and what a replica then finds.

import { setTimeout as sleep } from 'node:timers/promises'
import { createLabelSet } from '@skald/wire'
import type { Random } from '../bench/random.ts'
import { flattenStreams, type TestStore } from './harness.ts'

export const nowNs = BigInt(Date.now()) * 1_000_000n
export const hourNs = 3_600_000_000_000n

/** Pushes lines of a stream with one time or with rising ones. Returns the status. */
export async function pushLines(
  store: TestStore,
  app: string,
  lines: readonly string[],
  { stepNs = 1_000_000n, firstNs = nowNs - hourNs } = {},
): Promise<number> {
  const entries = lines.map((line, i) => ({
    timestampNs: firstNs + BigInt(i) * stepNs,
    line,
    structuredMetadata: [],
  }))
  return (await store.push([{ labels: createLabelSet({ app }), entries }])).status
}

/** Returns the lines of an application in the order of their times. */
export async function linesOf(store: TestStore, app: string): Promise<string[]> {
  const data = await store.query('query_range', {
    query: `{app="${app}"}`,
    start: String(nowNs - 3n * hourNs),
    end: String(nowNs + hourNs),
    limit: '5000',
    direction: 'forward',
  })
  return flattenStreams(data).map(({ line }) => line)
}

/** Returns all lines of an application, however many. */
export async function allLinesOf(store: TestStore, app: string): Promise<string[]> {
  const found: string[] = []
  const startNs = nowNs - 2n * hourNs
  for await (const { line } of store.entries(`{app="${app}"}`, startNs, nowNs + hourNs))
    found.push(line)
  return found
}

/** Counts all lines with a metric query. */
export async function countLines(store: TestStore): Promise<number> {
  const counted = await store.query('query', {
    query: 'sum(count_over_time({app=~".+"}[6h]))',
    time: String(nowNs + hourNs),
  })
  return Number(counted.result[0]?.value?.[1] ?? 0)
}

export interface NumberedPushes {
  readonly app: string
  readonly random: Random
  readonly isOver: () => boolean
}

/** A client that pushes numbered lines to any replica until one answers. Returns how many were answered. */
export async function pushNumbered(
  replicas: readonly TestStore[],
  { app, random, isOver }: NumberedPushes,
): Promise<{ lines: number; retries: number }> {
  let lines = 0
  let retries = 0
  while (!isOver()) {
    const batch = Array.from({ length: 20 }, (_, i) => `${app} ${lines + i}`)
    const firstNs = nowNs - hourNs + BigInt(lines) * 1_000_000n
    for (let tries = 0; ; tries++) {
      if (tries > 600) throw new Error(`${app}: no replica takes pushes`)
      const replica = replicas[random.between(0, replicas.length - 1)]!
      const status = await pushLines(replica, app, batch, { firstNs }).catch(() => 0)
      if (status === 204) break
      retries++
      await sleep(50)
    }
    lines += batch.length
  }
  return { lines, retries }
}

/** Waits until something is true. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await isTrue()) return
    await sleep(100)
  }
  throw new Error(`never: ${what}`)
}

/** Merges level 0, whichever replica has that work. */
export async function flushAll(replicas: readonly TestStore[]): Promise<void> {
  for (const replica of replicas) await replica.request('/flush', { method: 'POST' })
}
