// Which segments to merge next. Pure, so that the rules can be read and tested by themselves.

import type { SegmentPartInfo } from '../catalog/catalog.ts'
import {
  compactLevel0AgeMs,
  compactLevel0Bytes,
  compactLevel0Segments,
  compactTierBytesMax,
  compactTierSegments,
} from '../limits.ts'

/** Segments to be merged into one per tenant and day, oldest sequence first. */
export interface Choice {
  readonly inputs: readonly string[]
  readonly outputs: readonly { readonly tenant: string; readonly day: number }[]
  readonly level: number
  readonly sequence: number
}

/**
 * Chooses level 0 when it is large, many or old, else a run of neighbours within a
 * tenant's day. Only neighbours in sequence are merged, so that order of arrival is kept.
 */
export function chooseMerge(
  parts: readonly SegmentPartInfo[],
  nowMs: number,
  { force = false } = {},
): Choice | undefined {
  return chooseLevel0(parts, nowMs, force) ?? chooseTier(parts)
}

function chooseLevel0(
  parts: readonly SegmentPartInfo[],
  nowMs: number,
  force: boolean,
): Choice | undefined {
  const level0 = parts.filter(({ level }) => level === 0)
  if (level0.length === 0) return undefined
  const segments = new Map(level0.map(part => [part.name, part]))
  let bytes = 0
  let oldestMs = nowMs
  for (const { sizeBytes, createdMs } of segments.values()) {
    bytes += sizeBytes
    oldestMs = Math.min(oldestMs, createdMs)
  }
  const isDue =
    force ||
    bytes >= compactLevel0Bytes ||
    segments.size >= compactLevel0Segments ||
    nowMs - oldestMs >= compactLevel0AgeMs
  if (!isDue) return undefined
  // A long backlog is taken in portions.
  const inputs: string[] = []
  let taken = 0
  for (const { name, sizeBytes } of segments.values()) {
    if (inputs.length > 0 && taken + sizeBytes > 2 * compactLevel0Bytes) break
    inputs.push(name)
    taken += sizeBytes
  }
  const chosen = new Set(inputs)
  const days = new Map<string, { tenant: string; day: number }>()
  for (const { name, tenant, day } of level0) {
    if (chosen.has(name)) days.set(`${day} ${tenant}`, { tenant, day })
  }
  return {
    inputs,
    outputs: [...days.values()],
    level: 1,
    sequence: Math.max(...inputs.map(name => segments.get(name)!.sequence)),
  }
}

function chooseTier(parts: readonly SegmentPartInfo[]): Choice | undefined {
  const byDay = new Map<string, SegmentPartInfo[]>()
  for (const part of parts) {
    if (part.level === 0) continue
    const key = `${part.day} ${part.tenant}`
    const list = byDay.get(key)
    if (list) list.push(part)
    else byDay.set(key, [part])
  }
  for (const list of byDay.values()) {
    const run = findRun(list)
    if (run) {
      const { tenant, day } = run[0]!
      return {
        inputs: run.map(({ name }) => name),
        outputs: [{ tenant, day }],
        level: Math.max(...run.map(({ level }) => level)) + 1,
        sequence: Math.max(...run.map(({ sequence }) => sequence)),
      }
    }
  }
  return undefined
}

/**
 * Finds the largest worthwhile run of neighbours: enough of them, none of full size, and together at
 * least twice as large as the largest, so that no entry is written again more often than the total
 * doubles. A run that is not worthwhile is cut at its largest segment.
 */
function findRun(segments: readonly SegmentPartInfo[]): readonly SegmentPartInfo[] | undefined {
  if (segments.length < compactTierSegments) return undefined
  let largest = 0
  let totalBytes = 0
  for (const [i, { sizeBytes }] of segments.entries()) {
    totalBytes += sizeBytes
    if (sizeBytes > segments[largest]!.sizeBytes) largest = i
  }
  const { sizeBytes } = segments[largest]!
  if (sizeBytes < compactTierBytesMax && totalBytes >= 2 * sizeBytes) {
    return totalBytes <= compactTierBytesMax ? segments : upToBytes(segments, compactTierBytesMax)
  }
  return findRun(segments.slice(0, largest)) ?? findRun(segments.slice(largest + 1))
}

/** The first segments that together stay within the bytes; `undefined` when they are too few. */
function upToBytes(
  segments: readonly SegmentPartInfo[],
  bytesMax: number,
): readonly SegmentPartInfo[] | undefined {
  let bytes = 0
  const count = segments.findIndex(({ sizeBytes }) => {
    bytes += sizeBytes
    return bytes > bytesMax
  })
  return count >= compactTierSegments ? segments.slice(0, count) : undefined
}
