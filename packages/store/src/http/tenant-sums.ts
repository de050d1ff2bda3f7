// What the status shows of several tenants: sums of what it shows of each.

import { maxBigint } from '@skald/go-dialect'
import { ascending } from '@skald/wire'
import type { DaySize } from '../catalog/catalog.ts'
import type { NotedClient, NotedSlot, PushNotes } from '../ingest/push-notes.ts'
import type { TenantLimits } from '../tenant-limits.ts'

/** Adds up the sizes of each day, oldest day first. */
export function sumDays(
  sizes: readonly DaySize[],
  tenants: ReadonlySet<string>,
): { readonly day: number; readonly bytes: number }[] {
  const bytesOf = new Map<number, number>()
  for (const { tenant, day, compactedBytes, level0Bytes } of sizes) {
    if (!tenants.has(tenant)) continue
    bytesOf.set(day, (bytesOf.get(day) ?? 0) + compactedBytes + level0Bytes)
  }
  return [...bytesOf].map(([day, bytes]) => ({ day, bytes })).sort((a, b) => a.day - b.day)
}

/** Adds up what arrived in each span, oldest first. */
export function sumSlots(notes: PushNotes, tenants: readonly string[]): NotedSlot[] {
  const sums = new Map<number, NotedSlot>()
  for (const slot of tenants.flatMap(tenant => notes.slotsOf(tenant))) {
    const { startMs, lines, bytes } = slot
    const sum = sums.get(startMs) ?? { startMs, lines: 0, bytes: 0 }
    sums.set(startMs, { startMs, lines: sum.lines + lines, bytes: sum.bytes + bytes })
  }
  return [...sums.values()].sort((a, b) => a.startMs - b.startMs)
}

/** Adds up what each client pushed, the newest push first. */
export function sumClients(notes: PushNotes, tenants: readonly string[]): NotedClient[] {
  const sums = new Map<string, NotedClient>()
  for (const client of tenants.flatMap(tenant => notes.clientsOf(tenant))) {
    const key = `${client.address} ${client.userAgent}`
    const sum = sums.get(key)
    sums.set(key, sum ? addClients(sum, client) : client)
  }
  return [...sums.values()].sort((a, b) => b.lastMs - a.lastMs || ascending(a.address, b.address))
}

function addClients(a: NotedClient, b: NotedClient): NotedClient {
  return {
    ...a,
    pushes: a.pushes + b.pushes,
    lines: a.lines + b.lines,
    bytes: a.bytes + b.bytes,
    lastMs: Math.max(a.lastMs, b.lastMs),
  }
}

/** Retention of the tenants together: the longest period, and the sum of the sizes. 0 means no limit. */
export function sumRetention(each: readonly TenantLimits[]) {
  const periods = each.map(({ retentionNs }) => retentionNs)
  const sizes = each.map(({ retentionMaxBytes }) => retentionMaxBytes)
  return {
    retentionNs: periods.includes(0n) ? 0n : periods.reduce(maxBigint),
    maxBytes: sizes.includes(0) ? 0 : sizes.reduce((a, b) => a + b),
    streams: each.reduce((sum, { retentionStreams }) => sum + retentionStreams.length, 0),
  }
}
