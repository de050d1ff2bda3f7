// The footers of segments, kept in bounded memory, and who is reading which segment: a segment that
// was replaced is deleted when the last query that found it is done.

import type { Logger } from 'pino'
import type { Catalog } from './catalog/catalog.ts'
import { footerCacheBytes } from './limits.ts'
import type { ObjectStore } from './objects/object-store.ts'
import type { SegmentFooter } from './segment/format.ts'
import { readFooter } from './segment/reader.ts'

interface CachedFooter {
  readonly footer: Promise<SegmentFooter>
  readonly costBytes: number
}

/** Rough memory of a parsed block record. */
const recordBytes = 600

/** Gives out footers and looks after replaced segments. */
export class SegmentIndex {
  readonly #objects: ObjectStore
  readonly #catalog: Catalog
  readonly #logger: Logger
  /** Least recently used first. */
  readonly #footers = new Map<string, CachedFooter>()
  #footerBytes = 0
  #version = 0
  readonly #readers = new Map<string, number>()
  readonly #doomed = new Set<string>()

  constructor(objects: ObjectStore, catalog: Catalog, logger: Logger) {
    this.#objects = objects
    this.#catalog = catalog
    this.#logger = logger
  }

  /** Grows with every commit: what is read at one version is the same whenever it is read. */
  get version(): number {
    return this.#version
  }

  /** Takes in a segment that was committed just now. */
  commit(name: string, footer: SegmentFooter): void {
    this.#version++
    this.put(name, footer)
  }

  /** Remembers a footer that is at hand anyway. */
  put(name: string, footer: SegmentFooter): void {
    const blocks = footer.parts.reduce((sum, part) => sum + part.blocks.length, 0)
    this.#cache(name, { footer: Promise.resolve(footer), costBytes: blocks * recordBytes })
  }

  /** @throws CorruptionError when the segment's footer is damaged. */
  async footer(name: string, sizeBytes: number): Promise<SegmentFooter> {
    const cached = this.#footers.get(name)
    if (cached) {
      this.#footers.delete(name)
      this.#footers.set(name, cached)
      return cached.footer
    }
    const footer = readFooter(name, sizeBytes, (offset, length) =>
      this.#objects.read(name, offset, length),
    )
    footer.then(
      read => this.put(name, read),
      () => this.#footers.delete(name),
    )
    this.#cache(name, { footer, costBytes: 0 })
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

  /** Keeps segments from being deleted until the returned function is called. */
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

  /** Deletes segments that the catalog has dropped, at once or after their last reader. */
  async drop(names: readonly string[]): Promise<void> {
    const idle: string[] = []
    for (const name of names) {
      this.#uncache(name)
      if (this.#readers.has(name)) this.#doomed.add(name)
      else idle.push(name)
    }
    await this.#delete(idle)
  }

  /**
   * Deletes what was dropped, is not read any more and could not be deleted when that was tried first.
   *
   * @returns the dropped segments whose objects are still there.
   */
  async deleteDropped(): Promise<ReadonlySet<string>> {
    const dropped = await this.#catalog.listDropped()
    await this.#delete(dropped.filter(name => !this.#doomed.has(name)))
    return new Set(dropped.length > 0 ? await this.#catalog.listDropped() : [])
  }

  /** Deletes objects that were never entered. @throws what the medium says. */
  async discard(names: readonly string[]): Promise<void> {
    await this.#objects.delete(names)
  }

  /** Deletes objects; what cannot be deleted stays on the catalog's list and is tried again. */
  async #delete(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    for (const name of names) this.#doomed.delete(name)
    try {
      await this.#objects.delete(names)
      await this.#catalog.forgetDropped(names)
    } catch (error) {
      this.#logger.warn({ err: error, segments: names }, 'replaced segments could not be deleted')
    }
  }
}
