// A discovered target while it is read: its compiled patterns, and its files with their tailers.

import type { Glob } from '../files/glob.ts'
import { LabelState } from '../line/label-state.ts'
import { type FileTarget, labelsOfFile } from '../targets/file-target.ts'
import type { ManagedJob } from './managed-job.ts'
import type { PathTailer } from './open-tailer.ts'
import { labelsFromPath } from './pod-path.ts'
import type { PollState } from './poll-pace.ts'

/** Status of a file that is being read, for people. */
export interface FoundFileStatus {
  readonly job: string
  readonly path: string
  readonly labels: Readonly<Record<string, string>>
  readonly readOffset: number
  /** Size of the file. Absent if unknown. */
  readonly sizeBytes?: number
}

/** Status of a target and its files, for people. */
export interface TargetStatus {
  readonly job: string
  /** Pattern of the paths. */
  readonly path: string
  readonly labels: Readonly<Record<string, string>>
  /** True if discovery no longer has it. Its files are read to their ends. */
  readonly isGone: boolean
  readonly files: readonly FoundFileStatus[]
}

/** A target with the files that are read for it. */
export interface ManagedTarget {
  readonly job: ManagedJob
  target: FileTarget
  readonly glob: Glob
  readonly exclude: Glob | undefined
  readonly tailers: Map<string, TailerSlot>
  /** True if discovery no longer has it: its files are read to their ends, and no others are opened. */
  isGone: boolean
}

/** A file of a target, and when to check it next. */
export interface TailerSlot extends PollState {
  readonly tailer: PathTailer
  readonly managed: ManagedTarget
  /** The file is read once within this scope. */
  readonly scope: string
  labels: LabelState
  /** The links between its path and its file, once known. */
  links: FileLinks | undefined
}

/** Where the links of a path are. */
export interface FileLinks {
  /** What the path led to when they were followed. */
  readonly foundAt: string
  /** Places of the links and of the file. */
  readonly places: readonly string[]
}

/** Returns the initial labels of a file's lines, or undefined if the job's rules drop the file. */
export function labelsOf({ job, target }: ManagedTarget, path: string): LabelState | undefined {
  // Like in Promtail, a container's lines have no file label.
  if (target.container) return new LabelState(target.labels)
  const pathLabels = job.config.addsPathLabels ? labelsFromPath(path) : new Map<string, string>()
  const labels = labelsOfFile(target, path)
  return labels && new LabelState(new Map([...labels, ...pathLabels]))
}

/** Lists the files of a target that are being read. */
export function filesOf({ job, tailers }: ManagedTarget): FoundFileStatus[] {
  return [...tailers.values()]
    .filter(({ tailer }) => tailer.openCount > 0)
    .map(({ tailer, labels }) => ({
      job: job.config.jobName,
      path: tailer.path,
      labels: Object.fromEntries(labels.entries()),
      readOffset: tailer.readOffset,
      ...(tailer.sizeBytes === undefined ? {} : { sizeBytes: tailer.sizeBytes }),
    }))
}

/** Returns the status of a target with its files. */
export function statusOf(managed: ManagedTarget): TargetStatus {
  const { job, target, isGone } = managed
  const { path, labels } = target
  const { jobName } = job.config
  return { job: jobName, path, labels: Object.fromEntries(labels), isGone, files: filesOf(managed) }
}
