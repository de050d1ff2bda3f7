// The segments of a store with a bucket. Level 0 is in local files, which are the log. Segments above it
// are in the bucket, and on the disk as far as there is room.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { BucketError, StorageUnavailableError } from '../errors.ts'
import { bucketEndBytes, bucketRetryMsMax } from '../limits.ts'
import type { DiskObjectStore } from '../objects/disk.ts'
import type { ObjectInfo, ObjectStore } from '../objects/object-store.ts'
import { parseSegmentName } from '../segment/name.ts'
import type { Bucket } from './bucket.ts'
import type { BucketWriter } from './bucket-writer.ts'
import type { ByteRange } from './byte-ranges.ts'
import type { Garbage } from './garbage.ts'
import type { SegmentCache } from './segment-cache.ts'

/** Key of a segment in the bucket. */
export function segmentKey(name: string): string {
  return `${segmentPrefix}${name}`
}
export const segmentPrefix = 'segments/'

export interface BucketObjectsParts {
  readonly disk: DiskObjectStore
  readonly bucket: Bucket
  readonly cache: SegmentCache
  readonly garbage: Garbage
  readonly writer: BucketWriter
  readonly logger: Logger
  /** Called when segments have come or gone. */
  readonly onChange: () => void
}

/** A range of a segment that a task reads. */
export interface SegmentRange {
  readonly segment: string
  readonly offsetBytes: number
  readonly length: number
}

/** An object store of a local directory and a bucket. */
export class BucketObjects implements ObjectStore {
  readonly #parts: BucketObjectsParts
  /** Segments above level 0 that are in the bucket or soon will be → bytes. */
  readonly #sizes = new Map<string, number>()
  /** Names under which the bucket has an object of somebody else. They are never deleted there. */
  readonly #foreign = new Set<string>()
  /** Segments that were found damaged and read again from the bucket. */
  readonly #renewed = new Set<string>()

  constructor(parts: BucketObjectsParts) {
    this.#parts = parts
  }

  /** Whether a segment is in the bucket, or waits on the disk for its upload. */
  knows(name: string): boolean {
    return this.#sizes.has(name)
  }

  /** Forgets all segments, because another catalog says which there are. */
  reset(): void {
    this.#sizes.clear()
  }

  /** Adds segments above level 0 that are in the bucket, or wait on the disk for their upload. */
  know(segments: readonly ObjectInfo[]): void {
    for (const { name, sizeBytes } of segments) this.#sizes.set(name, sizeBytes)
  }

  async put(name: string, pieces: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void> {
    const { writer, disk } = this.#parts
    // Nobody would ever find what is stored here.
    if (writer.isSuperseded) throw new StorageUnavailableError(writer.supersededText)
    await disk.put(name, pieces)
  }

  async secure(names: readonly string[]): Promise<void> {
    await this.#parts.disk.secure(names.filter(name => !this.#sizes.has(name)))
  }

  async read(name: string, offsetBytes: number, length: number): Promise<Buffer> {
    const { disk, cache } = this.#parts
    const sizeBytes = this.#sizes.get(name)
    if (sizeBytes === undefined) return disk.read(name, offsetBytes, length)
    const release = await cache.hold([
      {
        segment: name,
        sizeBytes,
        ranges: [toEnd({ start: offsetBytes, end: offsetBytes + length }, sizeBytes)],
      },
    ])
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
   * Uploads the outputs of a merge. Tries again until it succeeds, because the inputs may not go before.
   * @throws BucketError if another store has taken over; the signal's reason.
   */
  async publish(segments: readonly ObjectInfo[], signal: AbortSignal): Promise<void> {
    const { cache } = this.#parts
    for (const { name, sizeBytes } of segments) {
      // A try that gets no answer may have written the object.
      this.#sizes.set(name, sizeBytes)
      cache.addWhole(name, sizeBytes, { isOnly: true })
    }
    for (const { name } of segments) await this.upload(name, signal)
    this.#parts.onChange()
  }

  /** Uploads a segment of the local disk, however long it takes. Does nothing if it is gone. */
  async upload(name: string, signal: AbortSignal): Promise<void> {
    const { bucket, cache, disk, writer, logger } = this.#parts
    for (let waitMs = 1000, isTold = false; ; waitMs = Math.min(bucketRetryMsMax, waitMs * 2)) {
      try {
        await writer.check()
        await bucket.put(segmentKey(name), { path: join(disk.directory, name) }, signal)
        await cache.setSafe(name)
        if (isTold) logger.info({ segment: name }, 'uploading segments works again')
        return
      } catch (error) {
        if (signal.aborted) throw signal.reason
        if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !this.#sizes.has(name)) return
        if (error instanceof BucketError && error.isTaken) this.#foreign.add(name)
        if (!(error instanceof BucketError) || error.isTaken || writer.isSuperseded) throw error
        if (!isTold)
          logger.error(
            { reason: error.message, segment: name },
            'cannot upload a segment: merges wait, and level 0 grows until this works again',
          )
        isTold = true
        await sleep(waitMs, undefined, { signal })
      }
    }
  }

  async delete(names: readonly string[]): Promise<void> {
    const { disk, cache, garbage, onChange } = this.#parts
    const remote = names.filter(name => isMerged(name) && !this.#foreign.has(name))
    // First of all, because a killed process must not forget them.
    if (remote.length > 0) await garbage.add(remote)
    for (const name of remote) {
      this.#sizes.delete(name)
      await cache.remove(name)
    }
    await disk.delete(names)
    if (remote.length > 0) onChange()
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

  async setAside(name: string): Promise<void> {
    const { disk, bucket, garbage } = this.#parts
    if (!this.#sizes.has(name)) return disk.setAside(name)
    await bucket.copy(segmentKey(name), quarantineKey(name))
    this.#sizes.delete(name)
    await garbage.add([name])
  }

  async keepAside(name: string): Promise<void> {
    const { disk, bucket } = this.#parts
    if (!this.#sizes.has(name)) return disk.keepAside(name)
    await bucket.copy(segmentKey(name), quarantineKey(name))
  }

  /** Lists everything, without asking the bucket. */
  async list(): Promise<ObjectInfo[]> {
    const local = await this.#parts.disk.list()
    const names = new Set(local.map(({ name }) => name))
    const remote = [...this.#sizes].filter(([name]) => !names.has(name))
    return [...local, ...remote.map(([name, sizeBytes]) => ({ name, sizeBytes }))]
  }

  async close(): Promise<void> {
    await this.#parts.disk.close()
  }
}

function quarantineKey(name: string): string {
  return `quarantine/${name}`
}

/** Returns true for a segment that belongs into the bucket. */
export function isMerged(name: string): boolean {
  return (parseSegmentName(name)?.level ?? 0) > 0
}

/** A read near the end of a segment brings all of its end: trailer and footer follow each other. */
function toEnd({ start, end }: ByteRange, sizeBytes: number): ByteRange {
  const isAtEnd = start >= sizeBytes - bucketEndBytes
  return isAtEnd
    ? { start: Math.max(0, sizeBytes - bucketEndBytes), end: sizeBytes }
    : { start, end }
}
