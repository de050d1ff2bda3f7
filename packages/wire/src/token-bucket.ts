// A rate with a burst. Used tokens come back over time, up to the burst.

/** How much may be used per second, and at once. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** Tracks the use of one resource. Starts full. Each call may pass a different rate. */
export class TokenBucket {
  #left: number
  #atMs: number | undefined

  constructor({ burst }: Rate) {
    this.#left = burst
  }

  /** Takes `amount` and returns true, or takes nothing if less than that is left. */
  take(amount: number, rate: Rate, nowMs: number): boolean {
    this.#refill(rate, nowMs)
    if (amount > this.#left) return false
    this.#left -= amount
    return true
  }

  /** Takes `amount`, even if that leaves the bucket in debt. */
  takeAnyway(amount: number, rate: Rate, nowMs: number): void {
    this.#refill(rate, nowMs)
    this.#left -= amount
  }

  /**
   * Returns the whole milliseconds until `amount` is available or the bucket is full. Returns 0 if
   * there is enough now.
   */
  msUntil(amount: number, rate: Rate, nowMs: number): number {
    this.#refill(rate, nowMs)
    const missing = Math.min(amount, rate.burst) - this.#left
    return missing <= 0 ? 0 : Math.ceil((missing * 1000) / rate.perSecond)
  }

  #refill({ perSecond, burst }: Rate, nowMs: number): void {
    // If the clock was set back, nothing is added or removed.
    const elapsedMs = Math.max(0, nowMs - (this.#atMs ?? nowMs))
    this.#left = Math.min(burst, this.#left + (elapsedMs * perSecond) / 1000)
    this.#atMs = nowMs
  }
}
