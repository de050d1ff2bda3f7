// The segments that are in a bucket, as threads and the main thread read them: from local files, which have
// what was asked for before it is read.

import { bucketEndBytes, bucketEndShare } from '../limits.ts'
import type { DiskObjectStore } from '../objects/disk.ts'
import type { ObjectInfo } from '../objects/object-store.ts'
import type { ByteRange } from './byte-ranges.ts'
import type { SegmentCache } from './segment-cache.ts'

/** A range of a segment that a task reads. */
export interface SegmentRange {
  readonly segment: string
  readonly offsetBytes: number
  readonly length: number
}

export interface CachedSegmentsParts {
  readonly disk: Pick<DiskObjectStore, 'read'>
  readonly cache: SegmentCache
}

/** Segments that are in the bucket or soon will be. Others are left alone. */
export class CachedSegments {
  readonly #parts: CachedSegmentsParts
  /** Segment → bytes. */
  readonly #sizes = new Map<string, number>()
  /** Segments that were found damaged and read again from the bucket. */
  readonly #renewed = new Set<string>()

  constructor(parts: CachedSegmentsParts) {
    this.#parts = parts
  }

  has(name: string): boolean {
    return this.#sizes.has(name)
  }

  /** Forgets all segments, because another catalog says which there are. */
  reset(): void {
    this.#sizes.clear()
  }

  know(segments: readonly ObjectInfo[]): void {
    for (const { name, sizeBytes } of segments) this.#sizes.set(name, sizeBytes)
  }

  forget(name: string): void {
    this.#sizes.delete(name)
  }

  list(): ObjectInfo[] {
    return [...this.#sizes].map(([name, sizeBytes]) => ({ name, sizeBytes }))
  }

  /** Reads a range. A read near the end of a segment brings all of its end. */
  async read(name: string, offsetBytes: number, length: number): Promise<Buffer> {
    const { disk, cache } = this.#parts
    const sizeBytes = this.#sizes.get(name)
    if (sizeBytes === undefined) return disk.read(name, offsetBytes, length)
    const ranges = [toEnd({ start: offsetBytes, end: offsetBytes + length }, sizeBytes)]
    const release = await cache.hold([{ segment: name, sizeBytes, ranges }])
    try {
      return await disk.read(name, offsetBytes, length)
    } finally {
      release()
    }
  }

  /**
   * Brings what a task reads onto the disk, and keeps it there until the returned function is called.
   * @throws BucketError; an error with the code ENOENT if an object is gone.
   */
  async holdRanges(wanted: readonly SegmentRange[]): Promise<() => void> {
    const bySegment = new Map<string, ByteRange[]>()
    for (const { segment, offsetBytes, length } of wanted) {
      if (!this.#sizes.has(segment)) continue
      const range = { start: offsetBytes, end: offsetBytes + length }
      const ranges = bySegment.get(segment)
      if (ranges) ranges.push(range)
      else bySegment.set(segment, [range])
    }
    if (bySegment.size === 0) return () => undefined
    return this.#parts.cache.hold(
      [...bySegment].map(([segment, ranges]) => {
        const sizeBytes = this.#sizes.get(segment)!
        return { segment, sizeBytes, ranges }
      }),
    )
  }

  /** The same for whole segments. */
  holdWhole(names: readonly string[]): Promise<() => void> {
    return this.holdRanges(
      names.map(segment => ({ segment, offsetBytes: 0, length: this.#sizes.get(segment) ?? 0 })),
    )
  }

  /**
   * Empties the local file of a segment that was found damaged, so that it is read from the bucket again.
   * Returns false if the damage is not only local: the bucket has no other copy, or was already asked.
   */
  async renew(name: string): Promise<boolean> {
    const { cache } = this.#parts
    if (!this.#sizes.has(name) || cache.isOnly(name) || this.#renewed.has(name)) return false
    this.#renewed.add(name)
    await cache.distrust(name)
    return true
  }
}

/** A read near the end of a segment brings all of its end: trailer and footer follow each other. */
function toEnd({ start, end }: ByteRange, sizeBytes: number): ByteRange {
  const endBytes = Math.max(bucketEndBytes, Math.ceil(sizeBytes / bucketEndShare))
  const isAtEnd = start >= sizeBytes - endBytes
  return isAtEnd ? { start: Math.max(0, sizeBytes - endBytes), end: sizeBytes } : { start, end }
}
