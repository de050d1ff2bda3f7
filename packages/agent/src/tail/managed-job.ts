// A job as the tailers see it: how to read its files, and the pipeline for their lines.

import type { Pipeline } from '../pipeline/pipeline.ts'
import type { FileTarget, TargetFeed } from '../targets/file-target.ts'
import type { Decompression } from './compressed-tailer.ts'
import type { TextEncoding } from './encoding.ts'

/** How to read the files of a job, after checking. */
export interface TailedJob {
  readonly jobName: string
  /** Skald's own key: adds labels from the path of a container's log to its lines. */
  readonly addsPathLabels: boolean
  /** Absent if the job names none. Bytes then stay as they are. */
  readonly encoding: TextEncoding | undefined
  /** Set if the job's files are compressed. */
  readonly decompression: Decompression | undefined
}

/** A job with its stages, and the targets it reads. */
export interface ManagedJob {
  readonly config: TailedJob
  readonly pipeline: Pipeline
  readonly targets: TargetFeed
}

/** A target with its job. Discovery may replace the target with the same files under other labels. */
export interface JobTarget {
  readonly job: ManagedJob
  readonly target: FileTarget
}
