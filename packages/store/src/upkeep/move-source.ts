// What is moved: a store whose segments are local files, or one that keeps them in the bucket it moves up in.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Bucket } from '../bucket/bucket.ts'
import { segmentKey } from '../bucket/bucket-objects.ts'
import { loadJsonFile } from '../bucket/json-file.ts'
import type { BucketConfig } from '../bucket-config.ts'
import type { SegmentInfo } from '../catalog/catalog.ts'
import { openSqliteCatalog, type SqliteCatalog } from '../catalog/sqlite.ts'
import { UpkeepError } from '../errors.ts'
import { comparedEndBytes } from '../limits.ts'
import { openDiskObjectStore } from '../objects/disk.ts'
import { recover } from '../recovery.ts'
import { sharedSegmentKey } from '../scaled/shared-objects.ts'
import { openStorage } from '../storage.ts'
import { readEnd } from './checked-copy.ts'
import { findDataPlace, wrongPath } from './data-place.ts'

/** A store that is moved. Nothing else works with it. */
export interface MoveSource {
  /** In line with the segments. */
  readonly catalog: SqliteCatalog
  /** Brings a segment to where replicas find it. */
  upload(segment: SegmentInfo): Promise<void>
  /** Reads the end of a segment, which has the checksums of everything else. */
  readEnd(segment: SegmentInfo): Promise<Buffer>
  close(): Promise<void>
}

export interface MoveSourceParts {
  readonly directory: string
  readonly bucket: Bucket
  readonly bucketConfig: BucketConfig
  readonly logger: Logger
}

/** Returns true if a directory is of a store with a bucket. @throws UpkeepError if it is not of a single store. */
export function hasBucket(directory: string): boolean {
  if (existsSync(join(directory, 'bucket.json'))) return true
  if (findDataPlace(directory).manifest)
    throw wrongPath(`${directory} is a backup: restore it, and move the restored directory`)
  return false
}

/**
 * Opens a store, and brings its catalog in line with the segments, as a start does.
 * @throws UpkeepError when the catalog is damaged or missing, or the store has another bucket than the replicas.
 */
export function openMoveSource(parts: MoveSourceParts): Promise<MoveSource> {
  return hasBucket(parts.directory) ? openBucketSource(parts) : openLocalSource(parts)
}

async function openLocalSource(parts: MoveSourceParts): Promise<MoveSource> {
  const { directory, bucket, logger } = parts
  const { catalogPath, segmentsDir } = findDataPlace(directory)
  if (!existsSync(catalogPath))
    throw wrongPath(`${directory} has no catalog: run skald verify --rebuild ${directory} first`)
  const objects = await openDiskObjectStore(segmentsDir)
  let catalog: SqliteCatalog | undefined
  try {
    catalog = openSqliteCatalog(catalogPath)
    catalog.checkStructure()
    await recover({ catalog, objects, logger })
  } catch (error) {
    await catalog?.close()
    await objects.close()
    const { code = '', message } = error as Error & { readonly code?: string }
    if (!code.startsWith('SQLITE_CORRUPT') && code !== 'SQLITE_NOTADB') throw error
    throw new UpkeepError(
      `The catalog ${catalogPath} is damaged: ${message}. Run skald verify --rebuild ${directory}, then move the store`,
      { cause: error },
    )
  }
  const opened = catalog
  return {
    catalog: opened,
    upload: ({ name }) => bucket.put(sharedSegmentKey(name), { path: join(segmentsDir, name) }),
    readEnd: ({ name }) => readEnd(join(segmentsDir, name), comparedEndBytes),
    close: async () => {
      await opened.close()
      await objects.close()
    },
  }
}

/** Segments above level 0 are in the bucket already, and are copied there. */
async function openBucketSource(parts: MoveSourceParts): Promise<MoveSource> {
  const { directory, bucket, bucketConfig, logger } = parts
  const { place } = (await loadJsonFile(join(directory, 'bucket.json'))) as { place: string }
  if (place !== bucket.place)
    throw wrongPath(
      `most segments of ${directory} are in ${place}: name this bucket and prefix in the configuration of the replicas`,
    )
  const opened: { close(): Promise<void> }[] = []
  const close = async () => {
    for (const part of opened.splice(0).toReversed()) await part.close()
  }
  try {
    const { local, objects, remote, segmentsDir } = await openStorage({
      ...{ dataDir: directory, logger },
      bucket: {
        ...{ config: bucketConfig, clock: Date, minFreeBytes: undefined },
        ...{ onWait: () => undefined, onRequest: () => undefined },
      },
      own: part => {
        opened.push(part)
        return part
      },
    })
    return {
      catalog: local!,
      upload: async ({ name, level }) => {
        if (level > 0 && (await copyWithin(bucket, name))) return
        const release = await remote!.objects.holdWhole([name])
        try {
          await bucket.put(sharedSegmentKey(name), { path: join(segmentsDir, name) })
        } finally {
          release()
        }
      },
      readEnd: ({ name, sizeBytes }) => {
        const length = Math.min(sizeBytes, comparedEndBytes)
        return objects.read(name, sizeBytes - length, length)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Returns false if the segment is not in the bucket yet, or if the storage refuses to copy within it. */
async function copyWithin(bucket: Bucket, name: string): Promise<boolean> {
  try {
    await bucket.copy(segmentKey(name), sharedSegmentKey(name))
    return true
  } catch (error) {
    const { code, answer = 0 } = error as NodeJS.ErrnoException & { readonly answer?: number }
    if (code === 'ENOENT' || answer === 400 || answer === 501) return false
    throw error
  }
}
