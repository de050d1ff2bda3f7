// Pauses between tries, each twice as long as the one before.

import { setTimeout as sleep } from 'node:timers/promises'

/** How long to wait after failures. */
export class Backoff {
  readonly #leastMs: number
  readonly #mostMs: number
  #nextMs: number

  constructor(leastMs: number, mostMs: number) {
    this.#leastMs = leastMs
    this.#mostMs = Math.max(leastMs, mostMs)
    this.#nextMs = leastMs
  }

  /** Waits. Returns early when the signal aborts. `leastMs` is what the server asks for. */
  async wait(signal: AbortSignal, leastMs = 0): Promise<void> {
    const ms = Math.min(Math.max(this.#nextMs, leastMs), Math.max(this.#mostMs, leastMs))
    this.#nextMs = Math.min(this.#nextMs * 2, this.#mostMs)
    await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined)
  }

  reset(): void {
    this.#nextMs = this.#leastMs
  }
}

/** Waits for something, but not for long. Never rejects. */
export async function settlesWithin(work: Promise<unknown>, ms: number): Promise<void> {
  const late = new AbortController()
  const over = sleep(ms, undefined, { signal: late.signal, ref: false }).catch(() => undefined)
  await Promise.race([work.catch(() => undefined), over])
  late.abort()
}
