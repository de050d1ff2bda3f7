// A line of a container runtime, in any of the runtimes' formats.

import type { LabelState } from '../line/label-state.ts'
import type { SplitTime } from './rfc3339-bytes.ts'

export type RuntimeStream = 'stdout' | 'stderr'

/** Returns the labels of lines of each stream. */
export function labelsByStream(labels: LabelState): Readonly<Record<RuntimeStream, LabelState>> {
  return { stdout: labels.with('stream', 'stdout'), stderr: labels.with('stream', 'stderr') }
}

/** The fields of a line. The object is reused for each line. */
export abstract class RuntimeLine implements SplitTime {
  seconds = 0
  nanos = 0
  /** False if the time field is not an RFC 3339 time. */
  hasTime = false
  stream: RuntimeStream = 'stdout'
  /** True if the line continues in the next record. */
  isPartial = false
  /** The text is `content[contentStart .. contentEnd)`, valid until the next line is read. */
  content: Buffer = Buffer.alloc(0)
  contentStart = 0
  contentEnd = 0

  /** The time as written in the line, for later stages. */
  abstract get timeText(): string

  /** The flags as written in the line, for later stages. */
  abstract get flagsText(): string

  /** Reads `bytes[start .. end)`. Returns true if it has the format. */
  abstract read(bytes: Buffer, start: number, end: number): boolean
}
