// Chooses which segments to merge next. Pure functions, so that you can read and test the rules in
// isolation.

import type { Level0Summary, SegmentPartInfo } from '../catalog/catalog.ts'
import {
  compactLevel0AgeMs,
  compactLevel0Bytes,
  compactLevel0Segments,
  compactTierBytesMax,
  compactTierSegments,
  level0PortionBytes,
  mergeInputsMax,
} from '../limits.ts'
import { parseSegmentName } from '../segment/name.ts'

/** Segments to merge into one per tenant and day, oldest sequence first. */
export interface Choice {
  readonly inputs: readonly string[]
  readonly outputs: readonly { readonly tenant: string; readonly day: number }[]
  readonly level: number
  readonly sequence: number
  /** True for a single segment that is rewritten only to remove something from it. */
  readonly isRewrite?: boolean
  /** True for a single segment that is rewritten only because its format is old. */
  readonly isLift?: boolean
  /** Label sets of streams to leave out. */
  readonly expired?: readonly string[]
  /** Sequences of level-0 inputs, by name, if the catalog has given them: their blocks have others. */
  readonly sequences?: Readonly<Record<string, number>>
}

/** How much one merge may take. */
export interface MergeBounds {
  readonly inputs: number
  /** Bytes of level 0. At least one segment is chosen, however large. */
  readonly level0Bytes: number
  /** Bytes of other levels. */
  readonly runBytes: number
}

/** The most that a merge takes. */
export const mergeBoundsMax: MergeBounds = {
  inputs: mergeInputsMax,
  level0Bytes: level0PortionBytes,
  runBytes: compactTierBytesMax,
}

/** Returns true if level 0 is large, old or has enough segments to be merged. */
export function isLevel0Due(
  level0: Level0Summary,
  nowMs: number,
  dueBytes = compactLevel0Bytes,
): boolean {
  return (
    level0.segments > 0 &&
    (level0.sizeBytes >= dueBytes ||
      level0.segments >= compactLevel0Segments ||
      nowMs - level0.oldestMs >= compactLevel0AgeMs)
  )
}

/** Sums up parts of level 0. */
export function summaryOf(level0: readonly SegmentPartInfo[]): Level0Summary {
  const segments = [...new Map(level0.map(part => [part.name, part])).values()]
  return {
    segments: segments.length,
    sizeBytes: segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    oldestMs: Math.min(...segments.map(({ createdMs }) => createdMs)),
  }
}

/** What may be between segments, if several processes merge. */
export interface Between {
  /** Segments of other levels. */
  readonly others?: readonly SegmentPartInfo[]
  /** Segments that others are merging. */
  readonly taken?: ReadonlySet<string>
}

/**
 * Splits parts into runs of neighbours in sequence, oldest first. Rows of other levels that came between, and what
 * others are merging, are between neighbours too: a merge over them would change the order of rows.
 */
export function neighboursOf(
  parts: readonly SegmentPartInfo[],
  { others = [], taken = new Set() }: Between,
): SegmentPartInfo[][] {
  const oldest = parts[0]?.sequence ?? 0
  const between = others.filter(({ sequence }) => sequence > oldest)
  const barriers = new Set([...between.map(({ name }) => name), ...taken])
  const all = between.length === 0 ? parts : [...parts, ...between].sort(bySequence)
  const runs: SegmentPartInfo[][] = [[]]
  for (const part of all) {
    if (!barriers.has(part.name)) runs.at(-1)!.push(part)
    else if (runs.at(-1)!.length > 0) runs.push([])
  }
  return runs.filter(run => run.length > 0)
}

/**
 * Chooses the oldest segments of level 0, one portion at a time. Returns `undefined` if there are
 * none.
 */
export function chooseLevel0(
  level0: readonly SegmentPartInfo[],
  bounds = mergeBoundsMax,
): Choice | undefined {
  const segments = new Map(level0.map(part => [part.name, part]))
  const inputs: string[] = []
  let taken = 0
  for (const { name, sizeBytes } of segments.values()) {
    if (inputs.length > 0 && taken + sizeBytes > bounds.level0Bytes) break
    if (inputs.length === bounds.inputs) break
    inputs.push(name)
    taken += sizeBytes
  }
  if (inputs.length === 0) return undefined
  const chosen = new Set(inputs)
  const days = new Map<string, { tenant: string; day: number }>()
  for (const { name, tenant, day } of level0) {
    if (chosen.has(name)) days.set(`${day} ${tenant}`, { tenant, day })
  }
  const given = inputs.flatMap(name => {
    const { sequence } = segments.get(name)!
    const named = parseSegmentName(name)?.sequence ?? sequence
    return named === sequence ? [] : [[name, sequence] as const]
  })
  return {
    inputs,
    outputs: [...days.values()],
    level: 1,
    sequence: Math.max(...inputs.map(name => segments.get(name)!.sequence)),
    ...(given.length > 0 && { sequences: Object.fromEntries(given) }),
  }
}

/**
 * Chooses a run of neighbours within a tenant's day. Merging only neighbours in sequence keeps the
 * order of arrival.
 */
export function chooseRun(
  parts: readonly SegmentPartInfo[],
  { bounds = mergeBoundsMax, others = [], taken }: Between & { readonly bounds?: MergeBounds } = {},
): Choice | undefined {
  const dayOf = ({ tenant, day }: SegmentPartInfo) => `${day} ${tenant}`
  const othersByDay = Map.groupBy(others, dayOf)
  for (const [day, list] of Map.groupBy(parts, dayOf)) {
    const runs = neighboursOf(list, { others: othersByDay.get(day) ?? [], ...(taken && { taken }) })
    const run = firstOf(runs, neighbours => findRun(neighbours, bounds))
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

function bySequence(a: SegmentPartInfo, b: SegmentPartInfo): number {
  return a.sequence - b.sequence
}

function firstOf<T, R>(things: readonly T[], find: (thing: T) => R | undefined): R | undefined {
  for (const thing of things) {
    const found = find(thing)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * Chooses the oldest segment of a format without filters, to rewrite it.
 *
 * @param unliftable Names of segments that cannot be read.
 */
export function chooseLift(
  parts: readonly SegmentPartInfo[],
  unliftable: ReadonlySet<string>,
): Choice | undefined {
  const old = parts.find(({ version, name }) => version < 2 && !unliftable.has(name))
  if (!old) return undefined
  const { name, tenant, day, level, sequence } = old
  return { inputs: [name], outputs: [{ tenant, day }], level, sequence, isLift: true }
}

/**
 * Finds the largest run of neighbours that is worth merging: enough segments, none of full size,
 * and together at least twice as large as the largest. So no entry is rewritten more often than the
 * total doubles. If a run does not qualify, splits it at its largest segment and tries both sides.
 */
function findRun(
  segments: readonly SegmentPartInfo[],
  bounds: MergeBounds,
): readonly SegmentPartInfo[] | undefined {
  if (segments.length < compactTierSegments) return undefined
  let largest = 0
  let totalBytes = 0
  for (const [i, { sizeBytes }] of segments.entries()) {
    totalBytes += sizeBytes
    if (sizeBytes > segments[largest]!.sizeBytes) largest = i
  }
  const { sizeBytes } = segments[largest]!
  if (sizeBytes < compactTierBytesMax && totalBytes >= 2 * sizeBytes) {
    return within(segments, bounds)
  }
  return findRun(segments.slice(0, largest), bounds) ?? findRun(segments.slice(largest + 1), bounds)
}

/**
 * Returns the first segments that together stay within the bounds, or `undefined` if they are too
 * few.
 */
function within(
  segments: readonly SegmentPartInfo[],
  { inputs, runBytes }: MergeBounds,
): readonly SegmentPartInfo[] | undefined {
  let bytes = 0
  const tooMany = segments.findIndex(({ sizeBytes }, i) => {
    bytes += sizeBytes
    return bytes > runBytes || i === inputs
  })
  const count = tooMany === -1 ? segments.length : tooMany
  return count >= compactTierSegments ? segments.slice(0, count) : undefined
}
