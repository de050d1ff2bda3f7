// Back-pressure: limits how much pushes may hold in memory, from the first byte of a body to the
// answer. Pushes that do not fit get 503 and Retry-After, so memory stays bounded however many
// clients push.
//
// A body counts by what has arrived, not by the announced length, so a client that announces much
// and sends little holds little. And nobody can take the whole budget: the more an owner holds, the
// more it must leave free.

import { PushRejectedError } from '../errors.ts'
import {
  arrivingBytesPerMs,
  arrivingFreshMs,
  pendingPushBytesMax,
  pushHeldPerFree,
  pushShareBytesLeast,
} from '../limits.ts'

/**
 * The owner of a push. A tenant or address can stand for many clients: behind a proxy, or in a
 * store without tenants.
 */
export interface PushOwner {
  /** Empty in a store without tenants. */
  readonly tenant: string
  readonly address: string
}

/** Counts and limits the memory of pushes in progress. */
export class PushBudget {
  readonly #bytesMax: number
  readonly #clock: { now(): number }
  #bytes = 0
  /** Pushes being received or decoded → time of their last bytes, in milliseconds. */
  readonly #arriving = new Map<PushShare, number>()
  /** Owner → bytes it holds. */
  readonly #held = new Map<string, number>()

  /**
   * @param bytesMax What pushes may hold together.
   * @param clock Milliseconds that never go back.
   */
  constructor(bytesMax = pendingPushBytesMax, clock: { now(): number } = performance) {
    this.#bytesMax = bytesMax
    this.#clock = clock
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Counts the pushes that arrive fast and had progress just now. They will be complete in a
   * moment.
   */
  get arriving(): number {
    const sinceMs = this.#clock.now() - arrivingFreshMs
    for (const [share, atMs] of this.#arriving) {
      if (atMs < sinceMs) this.#arriving.delete(share)
    }
    return this.#arriving.size
  }

  /**
   * Admits a push.
   * @throws PushRejectedError 503 when pushes hold too much memory.
   */
  enter(owner: PushOwner): PushShare {
    const enteredMs = this.#clock.now()
    const share = new PushShare({
      resize: (from, to) => this.#resize(owner, from, to),
      came: bodyBytes => {
        const nowMs = this.#clock.now()
        const leastBytes = (nowMs - enteredMs - arrivingFreshMs) * arrivingBytesPerMs
        if (bodyBytes >= leastBytes) this.#arriving.set(share, nowMs)
        else this.#arriving.delete(share)
      },
      isThere: () => this.#arriving.delete(share),
    })
    share.received(0)
    return share
  }

  #resize(owner: PushOwner, from: number, to: number): void {
    if (to > from) this.#checkRoom(owner, from, to)
    this.#bytes += to - from
    for (const key of keysOf(owner)) {
      const held = (this.#held.get(key) ?? 0) + to - from
      if (held > 0) this.#held.set(key, held)
      else this.#held.delete(key)
    }
  }

  #checkRoom(owner: PushOwner, from: number, to: number): void {
    const others = this.#bytes - from
    // The largest bodies exceed the budget once decompressed. One of them is allowed next to small
    // ones.
    if (others <= this.#bytesMax / 4) return
    const refuse = (why: string) => {
      throw new PushRejectedError(`too many pushes in progress: ${why}; retry after a second`, {
        code: 'PUSH_NO_ROOM',
        retryAfterSeconds: 1,
      })
    }
    if (others + to > this.#bytesMax) {
      refuse(`${others} bytes of ${this.#bytesMax} in use`)
    }
    const free = this.#bytesMax - others - to
    for (const kind of ['tenant', 'address'] as const) {
      const name = owner[kind]
      if (name === '') continue
      const held = (this.#held.get(`${kind} ${name}`) ?? 0) - from + to
      // An owner's first push is allowed as long as there is any room.
      if (held > to && held > pushHeldPerFree[kind] * free) {
        refuse(`${kind} ${name} has ${held} bytes of ${this.#bytesMax} in use`)
      }
    }
  }
}

function keysOf({ tenant, address }: PushOwner): string[] {
  return tenant === '' ? [`address ${address}`] : [`tenant ${tenant}`, `address ${address}`]
}

interface ShareChanges {
  /** @throws PushRejectedError 503 when there is no room for more. */
  readonly resize: (fromBytes: number, toBytes: number) => void
  /** Called with the number of body bytes so far. */
  readonly came: (bodyBytes: number) => void
  /** Called when nothing more will arrive. */
  readonly isThere: () => void
}

/** The share of the budget that one push holds, from its first byte to its answer. */
export class PushShare {
  readonly #changes: ShareChanges
  #bytes = 0
  #isReleased = false

  constructor(changes: ShareChanges) {
    this.#changes = changes
  }

  /**
   * Records how much of the body has arrived. @throws PushRejectedError 503 when there is no room
   * for it.
   */
  received(bodyBytes: number): void {
    this.#grow(Math.max(bodyBytes, pushShareBytesLeast))
    if (!this.#isReleased) this.#changes.came(bodyBytes)
  }

  /**
   * Records how much memory the body and its decompressed lines take.
   * @throws PushRejectedError 503 when others leave no room for it.
   */
  unpacked(bytes: number): void {
    this.#grow(bytes)
  }

  /**
   * Records how much a body that is stored while it arrives takes now: less than before, once a part is stored.
   * @throws PushRejectedError 503 when others leave no room for it.
   */
  holds(bytes: number): void {
    if (this.#isReleased) return
    const held = Math.max(bytes, pushShareBytesLeast)
    this.#changes.resize(this.#bytes, held)
    this.#bytes = held
  }

  /** Records that the push is decoded and waits for its commit. */
  decoded(): void {
    this.#changes.isThere()
  }

  /** Returns the share to the budget. Further calls do nothing. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#changes.resize(this.#bytes, 0)
    this.#changes.isThere()
    this.#bytes = 0
  }

  #grow(bytes: number): void {
    if (this.#isReleased || bytes <= this.#bytes) return
    this.#changes.resize(this.#bytes, bytes)
    this.#bytes = bytes
  }
}
