// Makes sure that one store at a time writes to a bucket: the data directory that entered itself last.
//
//   <data directory>/bucket.json   {"id": "<random>", "place": "s3://…", "sequence": <number>}
//   writers/<16 digits>.json       {"id": "<random>"}, one object for each data directory so far
//
// A new directory writes the next object of the list, which can be done only once. From then on, older
// directories are out of date: what they would write could contradict what the new one has stored.

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { BucketError, BucketOwnerError } from '../errors.ts'
import { writerTrustMs } from '../limits.ts'
import type { Bucket, BucketObject } from './bucket.ts'
import { loadJsonFile, saveJsonFile } from './json-file.ts'

/** What a data directory knows about its bucket. */
interface WriterFile {
  readonly id: string
  readonly place: string
  /** All numbers of segments from this directory are higher. Absent until it is known. */
  readonly sequence?: number
}

export interface BucketWriterParts {
  readonly bucket: Bucket
  readonly dataDir: string
  readonly clock: { now(): number }
}

/** A data directory as the writer of a bucket. */
export class BucketWriter {
  readonly #parts: BucketWriterParts
  #file: WriterFile
  /** Key of the own object; `undefined` if it is not known yet. */
  #key: string | undefined
  #checkedMs = Number.NEGATIVE_INFINITY
  #isSuperseded = false

  constructor(parts: BucketWriterParts, file: WriterFile) {
    this.#parts = parts
    this.#file = file
  }

  /** Whether the directory has already written to the bucket, as far as it knows. */
  get isSettled(): boolean {
    return this.#file.sequence !== undefined
  }

  /** The highest number that other directories may have given out. */
  get sequence(): number {
    return this.#file.sequence ?? 0
  }

  /** Whether another store has taken over the bucket. */
  get isSuperseded(): boolean {
    return this.#isSuperseded
  }

  /**
   * Enters this directory as the writer, unless it is the writer already.
   *
   * @param hasSegments Whether the directory has segments. It may then not take over a bucket.
   * @returns true if the bucket had another writer before.
   * @throws BucketError; BucketOwnerError when the directory must not write to the bucket.
   */
  async enter(hasSegments: boolean): Promise<boolean> {
    const { bucket } = this.#parts
    const writers = await bucket.list(prefix)
    const newest = writers.at(-1)
    const id = newest && (await this.#idOf(newest))
    if (id === this.#file.id) {
      this.#key = newest!.key
      return writers.length > 1
    }
    if (newest && (hasSegments || this.isSettled)) throw this.#refuse(writers, id!)
    if (!newest && (await hasSharedStore(bucket))) {
      throw new BucketOwnerError(
        `${bucket.place} belongs to replicas with a catalog in PostgreSQL: configure skald.catalog.postgres_url, or another bucket or prefix`,
      )
    }
    const number = newest ? Number(newest.key.slice(prefix.length, -ending.length)) + 1 : 1
    const key = `${prefix}${String(number).padStart(16, '0')}${ending}`
    await bucket.put(key, { bytes: Buffer.from(JSON.stringify({ id: this.#file.id })) })
    this.#key = key
    return newest !== undefined
  }

  /** Records from which number on the segments of this directory are. */
  async settle(sequence: number): Promise<void> {
    this.#file = { ...this.#file, sequence }
    await saveJsonFile(pathOf(this.#parts), this.#file)
  }

  /**
   * Checks that no other store has taken over the bucket.
   *
   * @param isFresh Whether to ask the bucket even if it was asked a moment ago.
   * @throws BucketError if one has, or if the bucket does not answer.
   */
  async check({ isFresh = false } = {}): Promise<void> {
    const { bucket, clock } = this.#parts
    const sinceMs = clock.now() - this.#checkedMs
    if (!this.#isSuperseded && (isFresh || sinceMs < 0 || sinceMs >= writerTrustMs)) {
      if (this.#key === undefined) await this.enter(true)
      const later = await bucket.list(prefix, this.#key)
      this.#isSuperseded = later.length > 0
      this.#checkedMs = clock.now()
    }
    if (this.#isSuperseded) throw new BucketError(this.supersededText)
  }

  get supersededText(): string {
    return `another store has taken over ${this.#parts.bucket.place}: stop this one, its directory is out of date`
  }

  async #idOf({ key, sizeBytes }: BucketObject): Promise<string> {
    const bytes = await this.#parts.bucket.read(key, 0, sizeBytes)
    return (JSON.parse(bytes.toString()) as { id: string }).id
  }

  #refuse(writers: readonly BucketObject[], id: string): Error {
    const { bucket, dataDir } = this.#parts
    this.#isSuperseded = true
    return new BucketOwnerError(
      `${dataDir} must not write to ${bucket.place}: ${
        writers.length > 1 || this.isSettled
          ? 'another data directory has taken over since'
          : 'the bucket belongs to another data directory'
      } (${id}). To go on with what is in the bucket, start with an empty data directory. To keep both, configure another bucket or prefix`,
    )
  }
}

/** Key of the object that says which catalog the objects of replicas belong to. */
export const sharedStoreKey = 'scaled/store.json'

async function hasSharedStore(bucket: Bucket): Promise<boolean> {
  try {
    await bucket.read(sharedStoreKey, 0, 1)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

const prefix = 'writers/'
const ending = '.json'

/** Where the directories that have written to a bucket are listed. */
export const writersPrefix = prefix

function pathOf({ dataDir }: Pick<BucketWriterParts, 'dataDir'>): string {
  return join(dataDir, 'bucket.json')
}

/**
 * Opens the writer of a data directory. Sends no request.
 * @throws BucketOwnerError if the directory belongs to another bucket; the system's error.
 */
export async function openBucketWriter(parts: BucketWriterParts): Promise<BucketWriter> {
  const { dataDir, bucket } = parts
  const known = (await loadJsonFile(pathOf(parts))) as WriterFile | undefined
  if (known && known.place !== bucket.place) {
    throw new BucketOwnerError(
      `${dataDir} belongs to the bucket ${known.place}, not to ${bucket.place}: start with an empty data directory, or configure the old bucket`,
    )
  }
  const file = known ?? { id: randomUUID(), place: bucket.place }
  if (!known) await saveJsonFile(pathOf(parts), file)
  return new BucketWriter(parts, file)
}
