// Lets other work run during a long evaluation, and ends it when the query is over.

import { setImmediate } from 'node:timers/promises'

/** Counts work that was done; now and then it waits for others, and throws once the query is over. */
export type Pause = (cellCount: number) => Promise<void> | void

/** Work between two pauses: some milliseconds. */
const cellsPerPause = 200_000

/** Makes the pause of a query that `signal` ends. */
export function createPause(signal: AbortSignal): Pause {
  let done = 0
  return cellCount => {
    done += cellCount
    if (done < cellsPerPause) return undefined
    done = 0
    return setImmediate().then(() => signal.throwIfAborted())
  }
}
