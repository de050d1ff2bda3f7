// Logs which entries were rejected, and from which stream. Limits the rate, so that a client that
// is rejected again and again cannot fill the log.

import type { Logger } from 'pino'
import { refusalLogPeriodMs, refusalsFollowedMax, refusalTextCharsMax } from '../limits.ts'

/** Entries rejected together. */
export interface LoggedRefusal {
  readonly tenant: string
  /** Loki's name for the reason, as in `loki_discarded_samples_total`. */
  readonly reason: string
  /** Labels of one of the streams. */
  readonly stream: string
  readonly message: string
  readonly entries: number
  readonly bytes: number
}

interface Followed {
  readonly loggedMs: number
  /** Entries rejected since then and not logged. */
  untold: number
}

/** Logs rejections, at most one per tenant and reason in each period. */
export class RefusalLog {
  readonly #logger: Logger
  readonly #clock: { now(): number }
  readonly #followed = new Map<string, Followed>()

  constructor(logger: Logger, clock: { now(): number }) {
    this.#logger = logger
    this.#clock = clock
  }

  add({ tenant, reason, stream, message, entries, bytes }: LoggedRefusal): void {
    const nowMs = this.#clock.now()
    const key = `${tenant}\0${reason}`
    const known = this.#followed.get(key)
    if (known && Math.abs(nowMs - known.loggedMs) < refusalLogPeriodMs) {
      known.untold += entries
      return
    }
    if (this.#followed.size >= refusalsFollowedMax) this.#followed.clear()
    this.#followed.set(key, { loggedMs: nowMs, untold: 0 })
    const untold = known && known.untold > 0 ? { entriesBefore: known.untold } : {}
    this.#logger.warn(
      { tenant, reason, stream: shorten(stream), entries, bytes, ...untold },
      `entries were rejected: ${shorten(message)}`,
    )
  }
}

function shorten(text: string): string {
  return text.length > refusalTextCharsMax ? `${text.slice(0, refusalTextCharsMax)}…` : text
}
