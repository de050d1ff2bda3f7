// A line of a container runtime, in any of the runtimes' formats.

import type { SplitTime } from './rfc3339-bytes.ts'

/** The fields of a line. The object is reused for each line. */
export abstract class RuntimeLine implements SplitTime {
  seconds = 0
  nanos = 0
  /** False if the time field is not an RFC 3339 time. */
  hasTime = false
  stream: 'stdout' | 'stderr' = 'stdout'
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
