// A line of a container runtime, whichever format it is written in.

import type { SplitTime } from './rfc3339-bytes.ts'

/** The fields of a line; one object is used again for each line. */
export abstract class RuntimeLine implements SplitTime {
  seconds = 0
  nanos = 0
  /** False where the time field is there but is no RFC 3339 time. */
  hasTime = false
  stream: 'stdout' | 'stderr' = 'stdout'
  /** The line continues in the next record. */
  isPartial = false
  /** The text is `content[contentStart .. contentEnd)`, valid until the next line is read. */
  content: Buffer = Buffer.alloc(0)
  contentStart = 0
  contentEnd = 0

  /** The time as it is in the line, for later stages. */
  abstract get timeText(): string

  /** The flags as they are in the line, for later stages. */
  abstract get flagsText(): string

  /** Reads `bytes[start .. end)`; returns true if it has the format. */
  abstract read(bytes: Buffer, start: number, end: number): boolean
}
