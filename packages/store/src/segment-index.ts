// Caches the footers of segments, within a memory limit, and tracks who reads which segment. A
// replaced segment is deleted when the last query that uses it has finished.

import type { Logger } from 'pino'
import type { Catalog, PartSummary, SegmentInfo } from './catalog/catalog.ts'
import { catalogPartsOf } from './catalog/catalog-parts.ts'
import { CorruptionError } from './errors.ts'
import {
  footerCacheBytes,
  freshFooterBytesMax,
  outlineCacheBytes,
  outlinedFooterBytesLeast,
  outlinedStreamsMax,
} from './limits.ts'
import type { ObjectStore } from './objects/object-store.ts'
import { type FooterOutline, type PartialPart, readOutline } from './segment/footer-outline.ts'
import type { SegmentFooter, SegmentPart } from './segment/format.ts'
import { type FindOptions, findFooter, type ReadRange, readFooter } from './segment/reader.ts'

interface CachedFooter {
  readonly footer: Promise<SegmentFooter>
  readonly costBytes: number
}

/** Estimated memory of a parsed block record. */
const recordBytes = 600

/** Provides footers and deletes replaced segments. */
export class SegmentIndex {
  readonly #objects: ObjectStore
  readonly #catalog: Catalog
  readonly #logger: Logger
  /** Least recently used first. */
  readonly #footers = new Map<string, CachedFooter>()
  #footerBytes = 0
  /** Of large footers. Least recently used first. */
  readonly #outlines = new Map<string, FooterOutline>()
  #version = 0
  readonly #readers = new Map<string, number>()
  readonly #doomed = new Set<string>()

  constructor(objects: ObjectStore, catalog: Catalog, logger: Logger) {
    this.#objects = objects
    this.#catalog = catalog
    this.#logger = logger
  }

  /** Increases with every commit. Reads at the same version return the same data. */
  get version(): number {
    return this.#version
  }

  /** Adds a segment that was just committed. A footer of very many streams is read when a query needs it. */
  commit(name: string, footer: SegmentFooter): void {
    this.#version++
    if (costOf(footer) <= freshFooterBytesMax) this.put(name, footer)
  }

  /** Takes note of commits of other processes. */
  noteCommits(): void {
    this.#version++
  }

  /** Caches a footer that the caller already has. */
  put(name: string, footer: SegmentFooter): void {
    this.#cache(name, { footer: Promise.resolve(footer), costBytes: costOf(footer) })
  }

  /**
   * Returns a segment's footer. Calls `onRead` with the bytes that it reads, if it is not in memory.
   * @throws CorruptionError when it is damaged.
   */
  async footer(
    name: string,
    sizeBytes: number,
    onRead?: (bytes: number) => void,
  ): Promise<SegmentFooter> {
    const cached = this.#footers.get(name)
    if (cached) {
      this.#footers.delete(name)
      this.#footers.set(name, cached)
      return cached.footer
    }
    const footer = this.#readFooter(name, sizeBytes, onRead)
    footer.then(
      read => this.put(name, read),
      () => this.#footers.delete(name),
    )
    this.#cache(name, { footer, costBytes: 0 })
    return footer
  }

  /**
   * Returns a tenant's parts of a segment, with at least the given streams. If they are few and the footer
   * is large, the others are left out. Calls `onRead` with the bytes that it reads.
   * @throws CorruptionError when the footer is damaged.
   */
  async partsWith(
    { name, sizeBytes }: Pick<SegmentInfo, 'name' | 'sizeBytes'>,
    { tenant, labelsTexts }: { readonly tenant: string; readonly labelsTexts: readonly string[] },
    onRead: (bytes: number) => void,
  ): Promise<readonly (SegmentPart | PartialPart)[]> {
    if (labelsTexts.length <= outlinedStreamsMax && !this.#footers.has(name)) {
      const read = (offset: number, length: number) => {
        onRead(length)
        return this.#objects.read(name, offset, length)
      }
      const outline = await this.#outline(name, sizeBytes, read)
      if (outline) return await outline.read(tenant, labelsTexts, read)
    }
    const { parts } = await this.footer(name, sizeBytes, onRead)
    return parts.filter(part => part.tenant === tenant)
  }

  /** Returns the outline of a large footer, or `undefined` for a small one. */
  async #outline(
    name: string,
    sizeBytes: number,
    read: ReadRange,
  ): Promise<FooterOutline | undefined> {
    if (sizeBytes < outlinedFooterBytesLeast) return undefined
    const cached = this.#outlines.get(name)
    if (cached) {
      this.#outlines.delete(name)
      this.#outlines.set(name, cached)
      return cached
    }
    const place = await findFooter(name, sizeBytes, read, this.#findOptions(name))
    if (place.footerBytes < outlinedFooterBytesLeast) return undefined
    const outline = await readOutline(name, place, read)
    this.#outlines.set(name, outline)
    let bytes = 0
    for (const { costBytes } of this.#outlines.values()) bytes += costBytes
    for (const [oldest, { costBytes }] of this.#outlines) {
      if (bytes <= outlineCacheBytes || oldest === name) break
      this.#outlines.delete(oldest)
      bytes -= costBytes
    }
    return outline
  }

  #findOptions(name: string): FindOptions {
    return { isHeaderRead: !this.#objects.isAfar?.(name) }
  }

  async #readFooter(
    name: string,
    sizeBytes: number,
    onRead: ((bytes: number) => void) | undefined,
  ): Promise<SegmentFooter> {
    const read = (offset: number, length: number) => {
      onRead?.(length)
      return this.#objects.read(name, offset, length)
    }
    const footer = await readFooter(name, sizeBytes, read, this.#findOptions(name))
    // A file of another segment, or of another store, is whole and yet not this one.
    const known = await this.#catalog.partsOf(name)
    if (
      known.length > 0 &&
      !isSame(
        catalogPartsOf(footer, () => []),
        known,
      )
    ) {
      const why = 'it is not the segment that the catalog knows by this name'
      throw new CorruptionError(why, { segment: name, offsetBytes: 0 })
    }
    return footer
  }

  #cache(name: string, entry: CachedFooter): void {
    this.#uncache(name)
    this.#footers.set(name, entry)
    this.#footerBytes += entry.costBytes
    for (const [oldest] of this.#footers) {
      if (this.#footerBytes <= footerCacheBytes || oldest === name) break
      this.#uncache(oldest)
    }
  }

  #uncache(name: string): void {
    this.#footerBytes -= this.#footers.get(name)?.costBytes ?? 0
    this.#footers.delete(name)
  }

  /** Prevents the deletion of segments until the returned function is called. */
  acquire(names: readonly string[]): () => Promise<void> {
    for (const name of names) this.#readers.set(name, (this.#readers.get(name) ?? 0) + 1)
    let isReleased = false
    return async () => {
      if (isReleased) return
      isReleased = true
      const idle: string[] = []
      for (const name of names) {
        const left = this.#readers.get(name)! - 1
        if (left > 0) {
          this.#readers.set(name, left)
          continue
        }
        this.#readers.delete(name)
        if (this.#doomed.has(name)) idle.push(name)
      }
      await this.#delete(idle)
    }
  }

  /** Deletes segments that the catalog has dropped, now or after their last reader. */
  async drop(names: readonly string[]): Promise<void> {
    const idle: string[] = []
    for (const name of names) {
      this.#uncache(name)
      this.#outlines.delete(name)
      if (this.#readers.has(name)) this.#doomed.add(name)
      else idle.push(name)
    }
    await this.#delete(idle)
  }

  /**
   * Retries the deletion of dropped segments that nobody reads any more.
   * @returns the dropped segments whose objects still exist.
   */
  async deleteDropped(): Promise<ReadonlySet<string>> {
    const dropped = await this.#catalog.listDropped()
    await this.#delete(dropped.filter(name => !this.#doomed.has(name)))
    return new Set(dropped.length > 0 ? await this.#catalog.listDropped() : [])
  }

  /** Keeps a damaged segment before it is dropped. @throws the storage's error. */
  async keepAside(name: string): Promise<void> {
    await this.#objects.keepAside(name)
  }

  /** Deletes objects that were never in the catalog. @throws the storage's error. */
  async discard(names: readonly string[]): Promise<void> {
    await this.#objects.delete(names)
  }

  /** Deletes objects. Those that cannot be deleted stay on the catalog's list and are retried. */
  async #delete(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    for (const name of names) this.#doomed.delete(name)
    try {
      await this.#objects.delete(names)
      await this.#catalog.forgetDropped(names)
    } catch (error) {
      this.#logger.warn({ err: error, segments: names }, 'cannot delete replaced segments yet')
    }
  }
}

function costOf({ parts }: SegmentFooter): number {
  return parts.reduce((sum, { blocks }) => sum + blocks.length * recordBytes, 0)
}

function isSame(parts: readonly PartSummary[], known: readonly PartSummary[]): boolean {
  const key = ({ tenant, day, minNs, maxNs, rowCount, lineBytes }: PartSummary) =>
    [day, minNs, maxNs, rowCount, lineBytes, tenant].join(' ')
  const keys = new Set(known.map(key))
  return parts.length === known.length && parts.every(part => keys.has(key(part)))
}
