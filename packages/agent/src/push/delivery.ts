// What stands at the end of the pipelines: the queue to a server, or the printer of a dry run.

import type { LineSink } from '../line/line-sink.ts'

/** Takes lines to where they go. */
export interface Delivery extends LineSink {
  /** Tells whether more lines may be read. */
  readonly hasRoom: boolean
  /** Called when memory for more lines became free. */
  onRoom: (() => void) | undefined
  /** Settles when everything that came so far has left. */
  drain(): Promise<void>
  /** The same, but within `limitMs`; nothing may come any more. */
  stop(limitMs: number): Promise<void>
}
