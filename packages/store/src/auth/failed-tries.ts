// Slows addresses that show wrong credentials: after a few, each further try has to wait for its second.

import { isIPv6 } from 'node:net'
import { plainAddress } from '@skald/wire/plain-address'
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
  /** Tries that are being checked: what each shows, and how many requests show it. */
  readonly #pending = new Map<string, Map<string, number>>()

  constructor(clock: { now(): number }) {
    this.#clock = clock
  }

  /**
   * Returns how many seconds an address has to wait; 0 if it may try. Tries that are being checked count as failed, so that
   * many at once are not more than many in a row.
   *
   * @param client Its address is found out only if somebody failed: that costs a call of the system per connection.
   * @param shown What it shows now, as a hash. The same from several requests is one try.
   */
  waitSeconds(client: { readonly ip: string }, shown = ''): number {
    if (this.#tries.size === 0 && this.#pending.size === 0) return 0
    const block = blockOf(client.ip)
    const pending = this.#pending.get(block)
    const others = pending ? pending.size - (pending.has(shown) ? 1 : 0) : 0
    const count = this.#countOf(block) + others
    return count <= failedTriesBurst - 1
      ? 0
      : Math.ceil(((count - (failedTriesBurst - 1)) * failedTryMs) / 1000)
  }

  /** Notes a try that is being checked. Returns what ends the note. */
  begin(address: string, shown: string): () => void {
    const block = blockOf(address)
    const pending = this.#pending.get(block) ?? new Map<string, number>()
    this.#pending.set(block, pending)
    pending.set(shown, (pending.get(shown) ?? 0) + 1)
    return () => {
      const left = pending.get(shown)! - 1
      if (left > 0) pending.set(shown, left)
      else pending.delete(shown)
      if (pending.size === 0) this.#pending.delete(block)
    }
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

/** A client with one address of IPv6 has its whole /64. */
function blockOf(address: string): string {
  const plain = plainAddress(address)
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('%')[0]!.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  return [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right].slice(0, 4).join(':')
}
