// Sums up the state of a store for /metrics.

import type { Catalog } from './catalog/catalog.ts'
import type { Compactor } from './compaction/compactor.ts'
import type { SpaceRetention } from './compaction/space-retention.ts'
import { secondsPerDay } from './day.ts'
import type { CountedLabel } from './ingest/cardinality-guard.ts'
import type { PushBudget } from './ingest/push-budget.ts'
import type { StoreMemory } from './memory/store-memory.ts'
import type { StoreState } from './metrics.ts'
import type { RemoteStorage } from './storage.ts'

/** Reads the state of the parts. */
export async function readState(parts: {
  catalog: Catalog
  compactor: Compactor
  space: SpaceRetention
  budget: PushBudget
  memory: StoreMemory | undefined
  remote: RemoteStorage | undefined
  labels: () => readonly CountedLabel[]
}): Promise<StoreState> {
  const { catalog, compactor, space, budget, memory, remote, labels } = parts
  const levels = new Map<number, { segments: number; bytes: number }>()
  for (const { level, sizeBytes } of await catalog.listSegments()) {
    const sum = levels.get(level) ?? { segments: 0, bytes: 0 }
    levels.set(level, { segments: sum.segments + 1, bytes: sum.bytes + sizeBytes })
  }
  const { streams } = await catalog.totals()
  const { usage, minFreeBytes, growth, fullInDays } = await space.outlook()
  return {
    compactions: compactor.runs,
    isCompacting: compactor.isRunning,
    pendingPushBytes: budget.bytes,
    memory: {
      maxBytes: memory?.plan.maxBytes ?? Number.POSITIVE_INFINITY,
      queryBytes: memory?.gate.reservedBytes ?? 0,
      queriesWaiting: memory?.gate.waitingCount ?? 0,
    },
    streams,
    levels,
    cacheBytes: remote?.cacheBytes ?? 0,
    isCatalogReachable: remote?.isCatalogReachable ?? true,
    liveReplicas: remote?.liveReplicas ?? 1,
    disk: { ...usage, minFreeBytes },
    growth,
    guiltyLabels: labels().filter(({ isGuilty }) => isGuilty),
    fullInSeconds: fullInDays === undefined ? undefined : fullInDays * secondsPerDay,
  }
}
