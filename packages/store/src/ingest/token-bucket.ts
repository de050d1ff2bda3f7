// A rate limit with bursts: tokens are refilled over time, up to the burst.

/** Tokens refilled per second, and the maximum available at once. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** Limits the use of one resource. A new bucket is full. */
export class TokenBucket {
  #left: number
  #atMs: number

  constructor(rate: Rate, nowMs: number) {
    this.#left = rate.burst
    this.#atMs = nowMs
  }

  /** Takes `amount` and returns true if that much is available. Otherwise takes nothing. */
  take(amount: number, rate: Rate, nowMs: number): boolean {
    this.#refill(rate, nowMs)
    if (amount > this.#left) return false
    this.#left -= amount
    return true
  }

  /** Returns the whole seconds until `amount` or a full bucket is available, at least one. */
  secondsUntil(amount: number, rate: Rate): number {
    const missing = Math.min(amount, rate.burst) - this.#left
    return Math.max(1, Math.ceil(missing / rate.perSecond))
  }

  #refill({ perSecond, burst }: Rate, nowMs: number): void {
    // If the clock was set back, nothing is refilled or lost.
    const elapsedMs = Math.max(0, nowMs - this.#atMs)
    this.#left = Math.min(burst, this.#left + (elapsedMs * perSecond) / 1000)
    this.#atMs = nowMs
  }
}
