// A job as the tailers see it: how its files are read, and the pipeline that takes their lines.

import type { Pipeline } from '../pipeline/pipeline.ts'
import type { FileTarget, TargetFeed } from '../targets/file-target.ts'
import type { Decompression } from './compressed-tailer.ts'
import type { TextEncoding } from './encoding.ts'

/** How the files of a job are read, checked. */
export interface TailedJob {
  readonly jobName: string
  /** Own key: labels that the path of a container's log gives are added to its lines. */
  readonly addsPathLabels: boolean
  /** Absent where none is named: bytes go out as they came. */
  readonly encoding: TextEncoding | undefined
  /** Set where the files of the job are compressed. */
  readonly decompression: Decompression | undefined
}

/** A job with its stages built, and the targets it reads. */
export interface ManagedJob {
  readonly config: TailedJob
  readonly pipeline: Pipeline
  readonly targets: TargetFeed
}

/** A target with its job. Discovery may replace the target by the same files with other labels. */
export interface JobTarget {
  readonly job: ManagedJob
  readonly target: FileTarget
}
