// Remembers on which days and when streams are known to be active, so that a commit names only those that the
// catalog does not know yet. Times are rounded outward: a busy stream is named once a minute.

import type { CatalogPart, StreamActivity } from '../catalog/catalog.ts'
import { floorTo } from '../catalog/time-bounds.ts'
import { coverEntriesMax, coverRoundingNs } from '../limits.ts'

interface Times {
  readonly minNs: bigint
  readonly maxNs: bigint
}

/** What the shared catalog is known to have. */
export class StreamCover {
  readonly #known = new Map<string, Times>()
  #generation = 0

  /** Changes whenever streams are forgotten. What was found out before says nothing any more. */
  get generation(): number {
    return this.#generation
  }

  /** Returns a part with only the streams that must be named, with their rounded times. */
  reduce(part: CatalogPart): CatalogPart {
    const streams: StreamActivity[] = []
    for (const stream of part.streams) {
      const known = this.#known.get(keyOf(part, stream))
      if (known && known.minNs <= stream.minNs && known.maxNs >= stream.maxNs) continue
      streams.push({
        labelsText: stream.labelsText,
        labels: [],
        minNs: floorTo(stream.minNs, coverRoundingNs),
        maxNs: floorTo(stream.maxNs, coverRoundingNs) + coverRoundingNs - 1n,
      })
    }
    return { ...part, streams }
  }

  /** Takes in the streams of a change that is in the catalog. */
  add(parts: readonly CatalogPart[]): void {
    for (const part of parts) {
      for (const stream of part.streams) {
        const key = keyOf(part, stream)
        const known = this.#known.get(key)
        const { minNs, maxNs } = stream
        if (this.#known.size >= coverEntriesMax) this.#known.clear()
        this.#known.set(key, known ? joined(known, stream) : { minNs, maxNs })
      }
    }
  }

  /** Forgets everything, because streams were removed. */
  clear(): void {
    this.#generation++
    this.#known.clear()
  }
}

function keyOf({ tenant, day }: CatalogPart, { labelsText }: StreamActivity): string {
  return `${tenant}\0${day}\0${labelsText}`
}

function joined(a: Times, b: Times): Times {
  return {
    minNs: a.minNs < b.minNs ? a.minNs : b.minNs,
    maxNs: a.maxNs > b.maxNs ? a.maxNs : b.maxNs,
  }
}
