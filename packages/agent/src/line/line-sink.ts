// The output of a pipeline: finished lines, as bytes.

import type { Label } from '@skald/wire'
import type { LabelState } from './label-state.ts'
import type { LineOrigin } from './line-origin.ts'

/** Takes finished lines. `add` copies `bytes[start .. end)` before it returns. */
export interface LineSink {
  add(line: SinkLine): void
}

/** A finished line. The object may be reused for the next line. */
export interface SinkLine {
  labels: LabelState
  seconds: number
  nanos: number
  bytes: Buffer
  start: number
  end: number
  origin: LineOrigin
  startOffset: number
  /** Set if a part of the line is in an earlier file. */
  earlier: { readonly origin: LineOrigin; readonly startOffset: number } | undefined
  metadata: readonly Label[] | undefined
}

/** Makes a line object to fill for each line of one file. */
export function emptySinkLine(origin: LineOrigin, labels: LabelState): SinkLine {
  return {
    ...{ labels, origin, seconds: 0, nanos: 0, bytes: Buffer.alloc(0), start: 0, end: 0 },
    ...{ startOffset: 0, earlier: undefined, metadata: undefined },
  }
}
