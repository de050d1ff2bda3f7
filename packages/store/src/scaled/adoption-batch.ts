// Enters segments that were found in the bucket into the shared catalog, several in a transaction.

import { randomUUID } from 'node:crypto'
import type { CatalogPart, CatalogSegment } from '../catalog/catalog.ts'
import type { CatalogChange } from '../catalog/catalog-changes.ts'
import { adoptedSegmentsAtOnce, adoptedStreamsAtOnce } from '../limits.ts'
import { encodeChange } from './change-codec.ts'
import type { SharedCatalog } from './shared-catalog.ts'

/** What was done. */
export interface AdoptionSummary {
  /** Segments that were entered. */
  entered: number
  /** Segments that nothing needs, and that are deleted later. */
  left: number
  /** Segments of the catalog whose objects are gone. */
  missing: number
  damaged: number
}

const adoptText = 'SELECT skald.adopt($1, $2, $3, $4, $5, $6, $7, $8) AS version'

/** Segments to enter, all of them found by one listing of the bucket. */
export class AdoptionBatch {
  readonly #catalog: SharedCatalog
  readonly #forgotten: number
  readonly #summary: AdoptionSummary
  /** Of the catalog when the batch began. What happens after it must not contradict it. */
  readonly #marks: SharedCatalog['marks']
  #added: CatalogSegment[] = []
  #removed: string[] = []
  #left: string[] = []
  #streams: CatalogPart[] = []
  #streamCount = 0

  /**
   * @param forgotten `skald.head.forgotten` before the bucket was listed.
   * @param summary Is added to.
   */
  constructor(catalog: SharedCatalog, forgotten: number, summary: AdoptionSummary) {
    this.#catalog = catalog
    this.#forgotten = forgotten
    this.#summary = summary
    this.#marks = catalog.marks
  }

  /** Adds streams of the segment that is added next. @throws as `flush`. */
  async addStreams(parts: readonly CatalogPart[]): Promise<void> {
    for (const part of parts) {
      this.#streams.push(part)
      this.#streamCount += part.streams.length
      if (this.#streamCount >= adoptedStreamsAtOnce) await this.#flushStreams()
    }
  }

  /** Adds a segment, and removes others in the same transaction. @throws as `flush`. */
  async add(segment: CatalogSegment, removed: readonly string[]): Promise<void> {
    this.#added.push(segment)
    this.#removed.push(...removed)
    this.#streamCount += segment.parts.reduce((sum, { streams }) => sum + streams.length, 0)
    if (this.#added.length >= adoptedSegmentsAtOnce || this.#streamCount >= adoptedStreamsAtOnce)
      await this.flush()
  }

  /** Adds a segment that may be deleted. @throws as `flush`. */
  async leave(name: string): Promise<void> {
    this.#left.push(name)
    if (this.#left.length >= adoptedStreamsAtOnce) await this.flush()
  }

  /**
   * Enters what was added.
   * @throws ChangeRefusedError when something has happened since the bucket was listed; CatalogUnavailableError.
   */
  async flush(): Promise<void> {
    await this.#flushStreams()
    const [added, removed, left] = [this.#added, this.#removed, this.#left]
    if (added.length + removed.length + left.length === 0) return
    this.#added = []
    this.#removed = []
    this.#left = []
    this.#streamCount = 0
    const change = { kind: 'segments', added, removed, areFound: true } as const
    await this.#make(change, { added: added.map(({ name }) => name), removed, left })
    this.#summary.entered += added.length
    this.#summary.left += left.length
  }

  async #flushStreams(): Promise<void> {
    const parts = this.#streams
    if (parts.length === 0) return
    this.#streams = []
    this.#streamCount = 0
    await this.#make({ kind: 'streams', parts }, { added: [], removed: [], left: [] })
  }

  async #make(
    change: CatalogChange,
    { added, removed, left }: Readonly<Record<'added' | 'removed' | 'left', readonly string[]>>,
  ): Promise<void> {
    const { rules, forgets } = this.#marks
    const values = [randomUUID(), encodeChange(change), added, removed, left]
    await this.#catalog.make({
      text: adoptText,
      values: [...values, rules, forgets, this.#forgotten],
    })
  }
}
