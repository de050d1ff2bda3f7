// A rate with a burst: what is used comes back with time, up to the burst.

/** How much may be used in a second, and at once. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** Follows the use of one thing. It begins full. */
export class TokenBucket {
  #left: number
  #atMs: number

  constructor(rate: Rate, nowMs: number) {
    this.#left = rate.burst
    this.#atMs = nowMs
  }

  /** Takes `amount` if there is so much; takes nothing else. */
  take(amount: number, rate: Rate, nowMs: number): boolean {
    this.#refill(rate, nowMs)
    if (amount > this.#left) return false
    this.#left -= amount
    return true
  }

  /** Whole seconds until there is `amount`, one at least; no more than until the bucket is full. */
  secondsUntil(amount: number, rate: Rate): number {
    const missing = Math.min(amount, rate.burst) - this.#left
    return Math.max(1, Math.ceil(missing / rate.perSecond))
  }

  #refill({ perSecond, burst }: Rate, nowMs: number): void {
    // A clock that was set back gives nothing and takes nothing.
    const elapsedMs = Math.max(0, nowMs - this.#atMs)
    this.#left = Math.min(burst, this.#left + (elapsedMs * perSecond) / 1000)
    this.#atMs = nowMs
  }
}
