// GET /skald/status: what the page shows about a store. Only the data of the request's tenants, and what every client may know.

import { nsPerSecond } from '@skald/go-dialect'
import type { FastifyInstance } from 'fastify'
import type { Catalog } from '../catalog/catalog.ts'
import { formatDay } from '../day.ts'
import type { PushNotes } from '../ingest/push-notes.ts'
import { notedSlotMs } from '../limits.ts'
import type { DiskUsage } from '../objects/disk-usage.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import { openRequest, type ReadRouteOptions } from './query-context.ts'
import { sendJson } from './query-routes.ts'
import { sumClients, sumDays, sumRetention, sumSlots } from './tenant-sums.ts'

/** What the disk holds and when it will be full. */
export interface StatusOutlook {
  readonly usage: DiskUsage
  readonly minFreeBytes: number
  readonly growth: readonly { readonly tenant: string; readonly bytesPerDay: number }[]
  /** `undefined` if retention by age is always first. */
  readonly fullInDays: number | undefined
}

export interface StatusRouteParts extends ReadRouteOptions {
  readonly version: string
  readonly catalog: Pick<Catalog, 'daySizes' | 'level0' | 'totals'>
  readonly compactor: { readonly runs: number; readonly isRunning: boolean }
  readonly outlook: () => Promise<StatusOutlook>
  readonly notes: PushNotes
  readonly state: () => string
  /** Whether an agent runs in the same process. */
  readonly hasAgent: boolean
}

/** Adds the route. */
export function addStatusRoute(app: FastifyInstance, parts: StatusRouteParts): void {
  app.get('/skald/status', async (request, reply) => {
    const { tenants } = openRequest(request, parts)
    const own = new Set(tenants)
    const { catalog, compactor, notes, version, state, hasAgent, clock, authEnabled } = parts
    const outlook = await parts.outlook()
    const days = sumDays(await catalog.daySizes(), own)
    const level0 = await catalog.level0()
    const { segments, streams } = await catalog.totals()
    const data = {
      ...{ version, state: state(), hasAgent, nowMs: clock.now() },
      ...(authEnabled && { tenant: tenants.join('|') }),
      days: days.map(({ day, bytes }) => ({ day: formatDay(day), bytes })),
      disk: { ...outlook.usage, minFreeBytes: outlook.minFreeBytes },
      room: {
        bytesPerDay: outlook.growth
          .filter(({ tenant }) => own.has(tenant))
          .reduce((sum, { bytesPerDay }) => sum + bytesPerDay, 0),
        fullInDays: outlook.fullInDays ?? null,
        oldestDay: days[0] === undefined ? null : formatDay(days[0].day),
      },
      retention: retentionJson(tenants.map(parts.limitsOf)),
      compaction: {
        ...{ isRunning: compactor.isRunning, runs: compactor.runs },
        ...{ segments, streams, level0Segments: level0.segments, level0Bytes: level0.sizeBytes },
      },
      ingest: { slotMs: notedSlotMs, slots: sumSlots(notes, tenants) },
      clients: sumClients(notes, tenants),
    }
    return sendJson(reply, JSON.stringify({ status: 'success', data }))
  })
}

/** Periods in seconds; 0 means that lines stay. */
function retentionJson(each: readonly TenantLimits[]) {
  const { retentionNs, ...sizes } = sumRetention(each)
  return { seconds: Number(retentionNs / nsPerSecond), ...sizes }
}
