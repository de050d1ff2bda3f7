// The end of the pipelines: the queue to a server, or the printer of a dry run.

import type { LineSink } from '../line/line-sink.ts'

/** Delivers lines to their destination. */
export interface Delivery extends LineSink {
  /** True if more lines may be read. */
  readonly hasRoom: boolean
  /** Called when memory for more lines is free again. */
  onRoom: (() => void) | undefined
  /** Resolves when everything received so far has been delivered. */
  drain(): Promise<void>
  /** Like `drain`, but within `limitMs`. Send no more lines after calling it. */
  stop(limitMs: number): Promise<void>
}
