// Repeats a change of the shared catalog until it is answered.

import { setTimeout as sleep } from 'node:timers/promises'
import { CatalogUnavailableError } from '../errors.ts'
import { catalogChangeMs, catalogRetryMsLeast, catalogRetryMsMax } from '../limits.ts'

/**
 * Runs something again and again until it succeeds, for as long as those who wait for it can wait.
 * @throws CatalogUnavailableError when time is over; everything else at once.
 */
export async function untilMade<T>(run: () => Promise<T>, isClosed: () => boolean): Promise<T> {
  const untilMs = Date.now() + catalogChangeMs
  for (let waitMs = catalogRetryMsLeast; ; waitMs = Math.min(catalogRetryMsMax, waitMs * 2)) {
    try {
      return await run()
    } catch (error) {
      const isOver = Date.now() + waitMs >= untilMs || isClosed()
      if (!(error instanceof CatalogUnavailableError) || isOver) throw error
    }
    await sleep(waitMs * (0.5 + Math.random() / 2))
  }
}
