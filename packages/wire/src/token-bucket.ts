// A rate with a burst. Used tokens come back over time, up to the burst.

/** How much may be used in a second, and at once. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** Follows the use of one thing. It begins full; the rate may be another one at each call. */
export class TokenBucket {
  #left: number
  #atMs: number | undefined

  constructor({ burst }: Rate) {
    this.#left = burst
  }

  /** Takes `amount` if there is so much; takes nothing otherwise. */
  take(amount: number, rate: Rate, nowMs: number): boolean {
    this.#refill(rate, nowMs)
    if (amount > this.#left) return false
    this.#left -= amount
    return true
  }

  /** Takes `amount`, on credit if need be. */
  takeAnyway(amount: number, rate: Rate, nowMs: number): void {
    this.#refill(rate, nowMs)
    this.#left -= amount
  }

  /** Whole milliseconds until there is `amount`, or until the bucket is full; 0 when there is enough now. */
  msUntil(amount: number, rate: Rate, nowMs: number): number {
    this.#refill(rate, nowMs)
    const missing = Math.min(amount, rate.burst) - this.#left
    return missing <= 0 ? 0 : Math.ceil((missing * 1000) / rate.perSecond)
  }

  #refill({ perSecond, burst }: Rate, nowMs: number): void {
    // A clock that was set back gives nothing and takes nothing.
    const elapsedMs = Math.max(0, nowMs - (this.#atMs ?? nowMs))
    this.#left = Math.min(burst, this.#left + (elapsedMs * perSecond) / 1000)
    this.#atMs = nowMs
  }
}
