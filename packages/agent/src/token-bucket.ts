// A rate limit with bursts: tokens arrive steadily, up to the burst, and each line takes one.

/** Limits a rate. */
export class TokenBucket {
  readonly #rate: number
  readonly #burst: number
  #tokens: number
  #updatedMs: number | undefined

  constructor(options: { readonly rate: number; readonly burst: number }) {
    this.#rate = options.rate
    this.#burst = options.burst
    this.#tokens = options.burst
  }

  #fill(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - (this.#updatedMs ?? nowMs))
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs * this.#rate) / 1000)
    this.#updatedMs = nowMs
  }

  /** Takes a token, if there is one. */
  take(nowMs: number): boolean {
    this.#fill(nowMs)
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  /** Takes a token, on credit if necessary. */
  takeAnyway(nowMs: number): void {
    this.#fill(nowMs)
    this.#tokens--
  }

  /** Returns the time of the next token; 0 if there is one now. */
  freeAtMs(nowMs: number): number {
    this.#fill(nowMs)
    if (this.#tokens >= 1) return 0
    return nowMs + Math.ceil(((1 - this.#tokens) * 1000) / this.#rate)
  }
}
