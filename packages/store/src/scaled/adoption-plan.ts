// Decides what becomes of objects in the bucket that the catalog does not know. The rules are those of recovery.ts,
// for a bucket that many write to.

import { parseSegmentName } from '../segment/name.ts'

/** What there is. */
export interface FoundThings {
  /** Segments in the bucket. */
  readonly listed: ReadonlySet<string>
  /** Those of them that the catalog does not know, and that no merge is writing. */
  readonly unknown: readonly string[]
  /** Unknown segment above level 0 → the segments that it replaces. */
  readonly replaces: ReadonlyMap<string, readonly string[]>
  /** Segments that the catalog removed, of those that are replaced. */
  readonly removed: ReadonlySet<string>
  /** Segments in the catalog; empty if the catalog has lost nothing. */
  readonly present: readonly string[]
  /** Whether the catalog has lost changes, so that a merge can be missing in it. */
  readonly hasLost: boolean
}

/** What to do. */
export interface AdoptionPlan {
  /** Segments above level 0 to enter, in the order of their numbers. Those that they replace are to be removed. */
  readonly merged: readonly string[]
  /** Segments of level 0 to enter, in the order of their numbers. */
  readonly level0: readonly string[]
  /** Segments that hold nothing that others do not hold. */
  readonly left: readonly string[]
  /** Segments of the catalog whose objects are gone, and that nothing replaces. */
  readonly missing: readonly string[]
  /** Segments above level 0 that cannot be judged, because the segments they replace are gone. A person must decide. */
  readonly doubtful: readonly string[]
}

/**
 * Decides. A merge of which everything that it replaces is there, or was replaced by another merge, is undone: it is left
 * out. If something is gone, it was finished, and the catalog has lost it.
 */
export function planAdoption(things: FoundThings): AdoptionPlan {
  const { listed, removed, present, hasLost } = things
  const unknown = [...things.unknown].sort()
  const isAccounted = (name: string) => listed.has(name) || removed.has(name)
  const merged: string[] = []
  const left: string[] = []
  const doubtful: string[] = []
  const replaced = new Set<string>()
  for (const name of unknown) {
    const replaces = things.replaces.get(name)
    if (replaces === undefined) continue
    if (replaces.length > 0 && replaces.every(isAccounted)) left.push(name)
    else if (!hasLost) doubtful.push(name)
    else {
      merged.push(name)
      for (const one of replaces) replaced.add(one)
    }
  }
  const level0 = unknown.filter(name => parseSegmentName(name)!.level === 0 && !replaced.has(name))
  return {
    merged: merged.filter(name => !replaced.has(name)),
    level0,
    left: [...left, ...unknown.filter(name => replaced.has(name))],
    missing: present.filter(name => !listed.has(name) && !replaced.has(name)),
    doubtful,
  }
}
