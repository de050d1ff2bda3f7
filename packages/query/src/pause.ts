// Gives other work a turn during a long evaluation, and stops it when the query ends.

import { setImmediate } from 'node:timers/promises'

/** Counts work done. Now and then it waits for other work. Throws once the query has ended. */
export type Pause = (cellCount: number) => Promise<void> | void

/** Work between two pauses: a few milliseconds. */
const cellsPerPause = 200_000

/** Creates the pause function of a query. `signal` ends the query. */
export function createPause(signal: AbortSignal): Pause {
  let done = 0
  return cellCount => {
    done += cellCount
    if (done < cellsPerPause) return undefined
    done = 0
    return setImmediate().then(() => signal.throwIfAborted())
  }
}
