// The segments of a store with a bucket. Level 0 is in local files, which are the log. Segments above it
// are in the bucket, and on the disk as far as there is room.

import { join } from 'node:path'
import type { Logger } from 'pino'
import { BucketError, StorageUnavailableError } from '../errors.ts'
import type { DiskObjectStore } from '../objects/disk.ts'
import type { ObjectInfo, ObjectStore } from '../objects/object-store.ts'
import { parseSegmentName } from '../segment/name.ts'
import type { Bucket } from './bucket.ts'
import type { BucketWriter } from './bucket-writer.ts'
import { CachedSegments, type SegmentRange } from './cached-segments.ts'
import type { Garbage } from './garbage.ts'
import type { SegmentCache } from './segment-cache.ts'
import { uploadUntilDone } from './upload.ts'

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

/** An object store of a local directory and a bucket. */
export class BucketObjects implements ObjectStore {
  readonly #parts: BucketObjectsParts
  /** Segments above level 0 that are in the bucket, or soon will be. */
  readonly #segments: CachedSegments
  /** Names under which the bucket has an object of somebody else. They are never deleted there. */
  readonly #foreign = new Set<string>()

  constructor(parts: BucketObjectsParts) {
    this.#parts = parts
    this.#segments = new CachedSegments(parts)
  }

  /** Whether a segment is in the bucket, or waits on the disk for its upload. */
  knows(name: string): boolean {
    return this.#segments.has(name)
  }

  /** Forgets all segments, because another catalog says which there are. */
  reset(): void {
    this.#segments.reset()
  }

  /** Adds segments above level 0 that are in the bucket, or wait on the disk for their upload. */
  know(segments: readonly ObjectInfo[]): void {
    this.#segments.know(segments)
  }

  async put(name: string, pieces: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void> {
    const { writer, disk } = this.#parts
    // Nobody would ever find what is stored here.
    if (writer.isSuperseded) throw new StorageUnavailableError(writer.supersededText)
    await disk.put(name, pieces)
  }

  async secure(names: readonly string[]): Promise<void> {
    await this.#parts.disk.secure(names.filter(name => !this.#segments.has(name)))
  }

  read(name: string, offsetBytes: number, length: number): Promise<Buffer> {
    return this.#segments.read(name, offsetBytes, length)
  }

  isAfar(name: string): boolean {
    return this.#segments.has(name)
  }

  /** As CachedSegments has it. */
  holdRanges(wanted: readonly SegmentRange[]): Promise<() => void> {
    return this.#segments.holdRanges(wanted)
  }

  /** As CachedSegments has it. */
  holdWhole(names: readonly string[]): Promise<() => void> {
    return this.#segments.holdWhole(names)
  }

  /** As CachedSegments has it. */
  renew(name: string): Promise<boolean> {
    return this.#segments.renew(name)
  }

  /**
   * Uploads the outputs of a merge. Tries again until it succeeds, because the inputs may not go before.
   * @throws BucketError if another store has taken over; the signal's reason.
   */
  async publish(segments: readonly ObjectInfo[], signal: AbortSignal): Promise<void> {
    const { cache } = this.#parts
    for (const { name, sizeBytes } of segments) {
      // A try that gets no answer may have written the object.
      this.#segments.know([{ name, sizeBytes }])
      cache.addWhole(name, sizeBytes, { isOnly: true })
    }
    for (const { name } of segments) await this.upload(name, signal)
    this.#parts.onChange()
  }

  /** Uploads a segment of the local disk, however long it takes. Does nothing if it is gone. */
  async upload(name: string, signal: AbortSignal): Promise<void> {
    const { bucket, cache, disk, writer, logger } = this.#parts
    try {
      await uploadUntilDone({
        ...{ bucket, logger, signal, segment: name, key: segmentKey(name) },
        path: join(disk.directory, name),
        before: () => writer.check(),
        mayRetry: () => !writer.isSuperseded,
      })
      await cache.setSafe(name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !this.#segments.has(name)) return
      if (error instanceof BucketError && error.isTaken) this.#foreign.add(name)
      throw error
    }
  }

  async delete(names: readonly string[]): Promise<void> {
    const { disk, cache, garbage, onChange } = this.#parts
    const remote = names.filter(name => isMerged(name) && !this.#foreign.has(name))
    // First of all, because a killed process must not forget them.
    if (remote.length > 0) await garbage.add(remote)
    for (const name of remote) {
      this.#segments.forget(name)
      await cache.remove(name)
    }
    await disk.delete(names)
    if (remote.length > 0) onChange()
  }

  async setAside(name: string): Promise<void> {
    const { disk, bucket, garbage } = this.#parts
    if (!this.#segments.has(name)) return disk.setAside(name)
    await bucket.copy(segmentKey(name), quarantineKey(name))
    this.#segments.forget(name)
    await garbage.add([name])
  }

  async keepAside(name: string): Promise<void> {
    const { disk, bucket } = this.#parts
    if (!this.#segments.has(name)) return disk.keepAside(name)
    await bucket.copy(segmentKey(name), quarantineKey(name))
  }

  /** Lists everything, without asking the bucket. */
  async list(): Promise<ObjectInfo[]> {
    const local = await this.#parts.disk.list()
    const names = new Set(local.map(({ name }) => name))
    return [...local, ...this.#segments.list().filter(({ name }) => !names.has(name))]
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
