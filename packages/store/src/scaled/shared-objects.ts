// The segments of a replica: all of them, level 0 too, are in the bucket. The local disk is a cache.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { privateFileMode } from '@skald/wire'
import type { Logger } from 'pino'
import type { Bucket } from '../bucket/bucket.ts'
import { CachedSegments, type SegmentRange } from '../bucket/cached-segments.ts'
import type { SegmentCache } from '../bucket/segment-cache.ts'
import { uploadUntilDone } from '../bucket/upload.ts'
import type { DiskObjectStore } from '../objects/disk.ts'
import type { ObjectInfo, ObjectStore } from '../objects/object-store.ts'

/** Key of a segment in the bucket. */
export function sharedSegmentKey(name: string): string {
  return `scaled/segments/${name}`
}

export interface SharedObjectsParts {
  readonly disk: DiskObjectStore
  readonly bucket: Bucket
  readonly cache: SegmentCache
  readonly logger: Logger
  /** Whether the catalog has a segment that came while this process was running. */
  readonly isEntered: (name: string) => boolean
}

/** An object store of a bucket. Objects are deleted by the collector alone. */
export class SharedObjects implements ObjectStore {
  readonly #parts: SharedObjectsParts
  readonly #segments: CachedSegments

  constructor(parts: SharedObjectsParts) {
    this.#parts = parts
    this.#segments = new CachedSegments(parts)
  }

  /** Adds segments that the catalog knows. */
  know(segments: readonly ObjectInfo[]): void {
    this.#segments.know(segments)
  }

  /** Forgets all segments, because another copy of the catalog says which there are. */
  reset(): void {
    this.#segments.reset()
  }

  /** Uploads a segment, and keeps a local file of it, so that its writer need not read it from the bucket. */
  async put(name: string, pieces: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void> {
    const { disk, bucket, cache } = this.#parts
    const all: Buffer[] = []
    for await (const piece of pieces) all.push(piece)
    const bytes = Buffer.concat(all)
    const isKept = writeFile(join(disk.directory, name), bytes, { mode: privateFileMode }).then(
      () => true,
      // Without room, it is read from the bucket.
      () => false,
    )
    try {
      await bucket.put(sharedSegmentKey(name), { bytes })
    } catch (error) {
      await isKept
      await disk.delete([name])
      throw error
    }
    if (await isKept) cache.addWhole(name, bytes.length, { isOnly: false })
    this.#segments.know([{ name, sizeBytes: bytes.length }])
  }

  /** Does nothing: what is in the bucket is safe. */
  async secure(): Promise<void> {}

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

  /** Uploads the outputs of a merge, however long it takes. @throws BucketError if a name is taken; the signal's reason. */
  async publish(segments: readonly ObjectInfo[], signal: AbortSignal): Promise<void> {
    const { bucket, cache, disk, logger } = this.#parts
    for (const { name, sizeBytes } of segments) {
      cache.addWhole(name, sizeBytes, { isOnly: true })
      this.#segments.know([{ name, sizeBytes }])
    }
    for (const { name } of segments) {
      await uploadUntilDone({
        ...{ bucket, logger, signal, segment: name, key: sharedSegmentKey(name) },
        path: join(disk.directory, name),
      })
      await cache.setSafe(name)
    }
  }

  /**
   * Removes local files. The objects stay as long as other replicas may read them. A segment that was entered
   * although nobody got an answer is read from the bucket.
   */
  async delete(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (!this.#parts.isEntered(name)) this.#segments.forget(name)
      await this.#parts.cache.remove(name)
    }
    await this.#parts.disk.delete(names)
  }

  /** The same as `keepAside`: listings are the catalog's. */
  setAside(name: string): Promise<void> {
    return this.keepAside(name)
  }

  async keepAside(name: string): Promise<void> {
    await this.#parts.bucket.copy(sharedSegmentKey(name), `scaled/quarantine/${name}`)
  }

  async list(): Promise<ObjectInfo[]> {
    return this.#segments.list()
  }
}
