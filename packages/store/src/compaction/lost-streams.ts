// Removes streams from the catalog after rewrites removed the last of their entries on a day.

import type { Catalog, SegmentInfo, TimeRange } from '../catalog/catalog.ts'
import { dayOf, nsPerDay } from '../day.ts'
import { dayReadAttemptsMax } from '../limits.ts'
import type { SegmentIndex } from '../segment-index.ts'

interface LostStreamsParts {
  readonly catalog: Catalog
  readonly segments: SegmentIndex
}

/** Removes the streams that no segment of the tenant has any more, on each day of a range. */
export async function forgetLostStreams(
  { catalog, segments }: LostStreamsParts,
  tenant: string,
  range: TimeRange,
): Promise<void> {
  for (const day of await catalog.activeDays(
    tenant,
    dayOf(range.startNs),
    dayOf(range.endNs - 1n),
  )) {
    for (let attempt = 1; attempt <= dayReadAttemptsMax; attempt++) {
      const startNs = BigInt(day) * nsPerDay
      const found = await catalog.findSegments(tenant, { startNs, endNs: startNs + nsPerDay })
      const labelsTexts = await streamsOf(segments, found, { tenant, day })
      const names = found.map(({ name }) => name)
      if (await catalog.retainStreams({ tenant, day, segments: names }, labelsTexts)) break
    }
  }
}

/** Returns the label sets of a tenant's streams on a day in these segments. */
async function streamsOf(
  segments: SegmentIndex,
  found: readonly SegmentInfo[],
  { tenant, day }: { readonly tenant: string; readonly day: number },
): Promise<Set<string>> {
  const labelsTexts = new Set<string>()
  for (const { name, sizeBytes } of found) {
    const { parts } = await segments.footer(name, sizeBytes)
    for (const part of parts) {
      if (part.tenant !== tenant || part.day !== day) continue
      for (const text of part.streams) labelsTexts.add(text)
    }
  }
  return labelsTexts
}
