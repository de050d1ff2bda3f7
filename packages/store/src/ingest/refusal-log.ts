// Tells the operator what was refused and of which stream, without letting a client that is refused all
// the time fill the log.

import type { Logger } from 'pino'
import { refusalLogPeriodMs, refusalsFollowedMax, refusalTextCharsMax } from '../limits.ts'

/** Entries that were refused together. */
export interface LoggedRefusal {
  readonly tenant: string
  /** Loki's name for it, as in `loki_discarded_samples_total`. */
  readonly reason: string
  /** Labels of one of the streams. */
  readonly stream: string
  readonly message: string
  readonly entries: number
  readonly bytes: number
}

interface Followed {
  readonly loggedMs: number
  /** Entries refused since then, untold. */
  untold: number
}

/** Logs refusals, each kind of a tenant once in a while. */
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
      `entries were refused: ${shorten(message)}`,
    )
  }
}

function shorten(text: string): string {
  return text.length > refusalTextCharsMax ? `${text.slice(0, refusalTextCharsMax)}…` : text
}
