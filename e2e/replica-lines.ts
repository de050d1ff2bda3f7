// Lines for tests with replicas: pushes, and what a replica then finds.

import { setTimeout as sleep } from 'node:timers/promises'
import { createLabelSet } from '@skald/wire'
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

/** Parameters of a query over all lines of the tests. */
export function rangeParams(query: string): Readonly<Record<string, string>> {
  return {
    query,
    start: String(nowNs - 3n * hourNs),
    end: String(nowNs + hourNs),
    limit: '5000',
    direction: 'forward',
  }
}

/** Returns the lines of an application in the order of their times. */
export async function linesOf(store: TestStore, app: string): Promise<string[]> {
  const data = await store.query('query_range', rangeParams(`{app="${app}"}`))
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

/** Counts the lines of applications with a metric query: all of them, or those that match a pattern. */
export async function countLines(store: TestStore, apps = '.+'): Promise<number> {
  const counted = await store.query('query', {
    query: `sum(count_over_time({app=~"${apps}"}[6h]))`,
    time: String(nowNs + hourNs),
  })
  return Number(counted.result[0]?.value?.[1] ?? 0)
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
