// Compares the catalog with the footers of the segments, which carry checksums. SQLite has none, so a
// flipped bit in a time or a size would hide lines without a word. Where one value of a record is
// wrong, the record is written again from the footer.

import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { parseLabelSet } from '@skald/wire'
import type { Logger } from 'pino'
import type { CatalogPart, LocalCatalog, PartSummary, SegmentInfo } from './catalog/catalog.ts'
import { catalogPartsOf } from './catalog/catalog-parts.ts'
import {
  catalogCheckPauseMs,
  catalogCheckSegmentsAtOnce,
  catalogCheckStreamsAtOnce,
  catalogCheckStreamsMax,
  foreignSegmentsMax,
} from './limits.ts'
import type { ObjectStore } from './objects/object-store.ts'
import type { SegmentFooter } from './segment/format.ts'
import { parseSegmentName } from './segment/name.ts'
import { readFooter } from './segment/reader.ts'

export interface CatalogCheckParts {
  readonly catalog: LocalCatalog
  readonly objects: ObjectStore
  readonly logger: Logger
  /** Called for each segment whose record was wrong. */
  readonly onDamage?: () => void
  /** Pause in milliseconds after every few segments. */
  readonly pauseMs?: number
  /** Ends the check early. */
  readonly signal?: AbortSignal
}

/** Starts a check that runs beside everything else. Closing it ends it early. */
export function startCatalogCheck(parts: CatalogCheckParts): { close(): Promise<void> } {
  const ending = new AbortController()
  const checked = checkCatalog({ ...parts, signal: ending.signal })
  return {
    close: () => {
      ending.abort()
      return checked
    },
  }
}

/** Checks all segments, a few at a time. Never rejects: what cannot be read is left to others. */
export async function checkCatalog(parts: CatalogCheckParts): Promise<void> {
  const { logger, signal } = parts
  try {
    await new CatalogCheck(parts).run()
  } catch (error) {
    if (!signal?.aborted) logger.warn({ err: error }, 'the check of the catalog ended early')
  }
}

class CatalogCheck {
  readonly #parts: CatalogCheckParts
  #streamsLeft = catalogCheckStreamsMax

  constructor(parts: CatalogCheckParts) {
    this.#parts = parts
  }

  async run(): Promise<void> {
    const { catalog, objects, signal, pauseMs = catalogCheckPauseMs } = this.#parts
    const sizes = new Map((await objects.list()).map(({ name, sizeBytes }) => [name, sizeBytes]))
    for (const [i, segment] of (await catalog.listSegments()).entries()) {
      signal?.throwIfAborted()
      const sizeBytes = sizes.get(segment.name)
      if (sizeBytes !== undefined) await this.#checkSegment({ ...segment, sizeBytes }, segment)
      if (pauseMs > 0 && i % catalogCheckSegmentsAtOnce === 0)
        await sleep(pauseMs, undefined, { ref: false, ...(signal && { signal }) })
    }
  }

  /** Checks one segment, with its real size. */
  async #checkSegment(real: SegmentInfo, recorded: SegmentInfo): Promise<void> {
    const { catalog, objects, logger, onDamage } = this.#parts
    const { name, sizeBytes } = real
    const known = await catalog.partsOf(name)
    const footer = await readFooter(name, sizeBytes, (offset, length) =>
      objects.read(name, offset, length),
    ).catch(() => undefined)
    // It was dropped meanwhile, or its damage is found by those who need it.
    if (!footer || known.length === 0) return
    const found = catalogPartsOf(footer, () => [])
    const wrong = countDifferences(found, known) + (sizeBytes === recorded.sizeBytes ? 0 : 1)
    // With more differences, it is another file under this name.
    if (wrong > 1) return
    if (wrong === 0 && (await this.#knowsStreams(found))) return
    await catalog.renewSegment(segmentOf(real, footer))
    onDamage?.()
    logger.error(
      { segment: name },
      'the catalog is damaged: a record did not fit its segment and was written again',
    )
  }

  async #knowsStreams(parts: readonly CatalogPart[]): Promise<boolean> {
    for (const part of parts) {
      for (let from = 0; from < part.streams.length; from += catalogCheckStreamsAtOnce) {
        if (this.#streamsLeft <= 0) return true
        const streams = part.streams
          .slice(from, from + catalogCheckStreamsAtOnce)
          .map(stream => ({ ...stream, labels: parseLabelSet(stream.labelsText) }))
        this.#streamsLeft -= streams.length
        if (!(await this.#parts.catalog.knowsStreams({ ...part, streams }))) return false
        await setImmediate()
      }
    }
    return true
  }
}

/**
 * Returns true if a catalog fits none of the segments, because it is that of another store. All
 * segments would be set aside for its sake.
 */
export async function isForeignCatalog({
  catalog,
  objects,
}: Pick<CatalogCheckParts, 'catalog' | 'objects'>): Promise<boolean> {
  const known = await catalog.listSegments()
  // A single one may be damaged or missing.
  if (known.length < 2) return false
  const listed = (await objects.list()).filter(({ name }) => parseSegmentName(name))
  const sizes = new Map(listed.map(({ name, sizeBytes }) => [name, sizeBytes]))
  if (sizes.size === 0) return false
  const shared = known.filter(({ name }) => sizes.has(name))
  let isWrong = shared.length === 0
  for (const { name } of shared.toReversed().slice(0, foreignSegmentsMax)) {
    const footer = await readFooter(name, sizes.get(name)!, (offset, length) =>
      objects.read(name, offset, length),
    ).catch(() => undefined)
    if (!footer) continue
    const found = catalogPartsOf(footer, () => [])
    if (countDifferences(found, await catalog.partsOf(name)) <= 1) return false
    isWrong = true
  }
  return isWrong
}

/** Counts the values that differ. Parts of other tenants and days count as many. */
function countDifferences(found: readonly PartSummary[], known: readonly PartSummary[]): number {
  if (found.length !== known.length) return Number.POSITIVE_INFINITY
  let count = 0
  for (const part of found) {
    const record = known.find(one => one.tenant === part.tenant && one.day === part.day)
    if (!record) return Number.POSITIVE_INFINITY
    for (const field of ['minNs', 'maxNs', 'rowCount', 'lineBytes'] as const) {
      if (part[field] !== record[field]) count++
    }
  }
  return count
}

function segmentOf({ name, createdMs, sizeBytes }: SegmentInfo, footer: SegmentFooter) {
  const { level, sequence, version } = footer
  const parts = catalogPartsOf(footer, parseLabelSet)
  return { name, level, sequence, version, sizeBytes, createdMs, parts }
}
