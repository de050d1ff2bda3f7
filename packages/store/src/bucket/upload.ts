// Uploads a segment from a local file, however long it takes.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { BucketError } from '../errors.ts'
import { bucketRetryMsMax } from '../limits.ts'
import type { Bucket } from './bucket.ts'

export interface Upload {
  readonly bucket: Pick<Bucket, 'put'>
  readonly logger: Logger
  readonly segment: string
  readonly key: string
  /** The local file. */
  readonly path: string
  readonly signal: AbortSignal
  /** Runs before each try. If it throws a BucketError that `mayRetry` lets pass, that counts as a failed try. */
  readonly before?: () => Promise<void>
  /** Whether to try again after a failure that may pass. Absent: always. */
  readonly mayRetry?: () => boolean
}

/**
 * Uploads a segment. Tries again until it succeeds, and logs the first failure and the end of the failures.
 * @throws BucketError if another object has the key, or `mayRetry` says no; the system's error; the signal's reason.
 */
export async function uploadUntilDone(upload: Upload): Promise<void> {
  const { bucket, logger, segment, key, path, signal, before, mayRetry = () => true } = upload
  for (let waitMs = 1000, isTold = false; ; waitMs = Math.min(bucketRetryMsMax, waitMs * 2)) {
    try {
      await before?.()
      await bucket.put(key, { path }, signal)
      if (isTold) logger.info({ segment }, 'uploading segments works again')
      return
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (!(error instanceof BucketError) || error.isTaken || !mayRetry()) throw error
      if (!isTold)
        logger.error(
          { reason: error.message, segment },
          'cannot upload a segment: merges wait, and level 0 grows until this works again',
        )
      isTold = true
      await sleep(waitMs, undefined, { signal })
    }
  }
}
