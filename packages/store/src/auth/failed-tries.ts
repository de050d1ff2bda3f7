// Slows addresses that show wrong credentials: after a few, each further try has to wait for its second.

import { isIPv6 } from 'node:net'
import { failedAddressesMax, failedTriesBurst, failedTryMs } from '../limits.ts'

interface Tries {
  /** Failed tries that count still, as of `sinceMs`. */
  readonly count: number
  readonly sinceMs: number
}

export class FailedTries {
  readonly #clock: { now(): number }
  /** The address that failed last is the last. */
  readonly #tries = new Map<string, Tries>()

  constructor(clock: { now(): number }) {
    this.#clock = clock
  }

  /** Returns how many seconds an address has to wait; 0 if it may try. */
  waitSeconds(address: string): number {
    const count = this.#countOf(blockOf(address))
    return count <= failedTriesBurst - 1
      ? 0
      : Math.ceil(((count - (failedTriesBurst - 1)) * failedTryMs) / 1000)
  }

  /** Counts a failed try. */
  add(address: string): void {
    const block = blockOf(address)
    const count = Math.min(this.#countOf(block) + 1, failedTriesBurst)
    this.#tries.delete(block)
    if (this.#tries.size >= failedAddressesMax) {
      const [oldest] = this.#tries.keys()
      this.#tries.delete(oldest!)
    }
    this.#tries.set(block, { count, sinceMs: this.#clock.now() })
  }

  #countOf(block: string): number {
    const tries = this.#tries.get(block)
    if (!tries) return 0
    return Math.max(0, tries.count - (this.#clock.now() - tries.sinceMs) / failedTryMs)
  }
}

/** Whoever has one address of IPv6 has its whole /64. */
function blockOf(address: string): string {
  const mapped = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(mapped)) return mapped
  const [head = '', tail] = mapped.split('%')[0]!.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  return [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right].slice(0, 4).join(':')
}
