// Defines what the store needs of a bucket: objects by key, written once. s3-bucket.ts is the
// implementation.

/** One object in a listing. */
export interface BucketObject {
  readonly key: string
  readonly sizeBytes: number
}

/** What becomes an object. */
export type ObjectContent = { readonly path: string } | { readonly bytes: Buffer }

/**
 * A bucket. Keys are relative to the prefix that is configured. All methods try again for a while when the
 * bucket does not answer, and then reject with BucketError. A missing object rejects with the code `ENOENT`,
 * and its key as `path`, like a missing file.
 */
export interface Bucket {
  /** Where it is, without secrets, such as `s3://logs/skald/`. */
  readonly place: string
  /**
   * Writes an object, unless one with the same content is there already: then an earlier try has
   * succeeded without an answer.
   * @throws BucketError with `isTaken` if another object has this key.
   */
  put(key: string, content: ObjectContent, signal?: AbortSignal): Promise<void>
  /** Reads a range, which must lie within the object. */
  read(key: string, offsetBytes: number, length: number): Promise<Buffer>
  /** Copies an object within the bucket. */
  copy(key: string, to: string): Promise<void>
  /** Removes an object. A missing one is no error. */
  delete(key: string): Promise<void>
  /** Lists the objects whose keys begin with a text, in the order of their keys. */
  list(prefix: string, after?: string): Promise<BucketObject[]>
  close(): Promise<void>
}

/** Counts the requests to a bucket, for the metrics. */
export interface BucketCounts {
  readonly onRequest: (operation: string, outcome: 'ok' | 'failed', bytes: number) => void
}
