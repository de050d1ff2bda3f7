// Where receivers put entries whose senders wait for no answer. It commits them a few times a second. While the store cannot
// take them, it keeps them and tries again, so that senders over TCP have to wait.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { PushBudget } from '../ingest/push-budget.ts'
import {
  receivedEntryBytes,
  sinkAttemptsMax,
  sinkBytesMax,
  sinkPauseMs,
  sinkWaitMs,
} from '../limits.ts'
import { EntryBatch, type ReceivedEntry } from './entry-batch.ts'
import { type PushOutcome, type PushTarget, pushEntries } from './push-entries.ts'

export interface EntrySinkParts {
  readonly target: PushTarget
  readonly budget: PushBudget
  readonly logger: Logger
  /** Told of entries that were given up. */
  readonly onDropped: (entryCount: number) => void
}

/** Collects entries of one listener. */
export class EntrySink {
  readonly #parts: EntrySinkParts
  readonly #closing = new AbortController()
  #waiting: ReceivedEntry[] = []
  /** Bytes that wait, and those that are being stored. */
  #bytes = 0
  #room: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined
  #storing: Promise<void> | undefined

  constructor(parts: EntrySinkParts) {
    this.#parts = parts
  }

  get hasRoom(): boolean {
    return this.#bytes < sinkBytesMax
  }

  /** Resolves once there is room. */
  async room(): Promise<void> {
    while (!this.hasRoom) {
      this.#room ??= Promise.withResolvers<void>()
      await this.#room.promise
    }
  }

  add(entry: ReceivedEntry): void {
    this.#waiting.push(entry)
    this.#bytes += entryBytes(entry)
    this.#storing ??= this.#storeAll().finally(() => {
      this.#storing = undefined
    })
  }

  /** Stores what is there, without long pauses. Add nothing afterwards. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#storing
  }

  async #storeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#pause(sinkWaitMs)
      const entries = this.#waiting
      this.#waiting = []
      await this.#store(entries)
      this.#bytes -= entries.reduce((sum, entry) => sum + entryBytes(entry), 0)
      this.#room?.resolve()
      this.#room = undefined
    }
  }

  async #store(entries: readonly ReceivedEntry[]): Promise<void> {
    const { logger, onDropped } = this.#parts
    let rest = entries
    // A push above the burst of a tenant is refused as a whole, however long it waits.
    let pieceLength = rest.length
    for (let attempt = 0; attempt < sinkAttemptsMax && rest.length > 0; ) {
      // Once the store is closing, there is no time to wait.
      if (attempt > 0 && this.#closing.signal.aborted) break
      if (attempt > 0) await this.#pause(sinkPauseMs)
      const piece = rest.slice(0, pieceLength)
      let limited: readonly ReceivedEntry[] = piece
      try {
        const { refused } = await this.#push(piece)
        // Those that can never be stored are counted and logged by the ingester.
        limited = piece.filter((_, number) => refused.get(number)?.isLimited)
      } catch (error) {
        if (!mayPass(error as Error)) {
          logger.warn({ err: error, entries: rest.length }, 'received lines are not stored')
          onDropped(rest.length)
          return
        }
      }
      rest = [...limited, ...rest.slice(pieceLength)]
      attempt = limited.length < piece.length ? 0 : attempt + 1
      if (limited.length > 0) pieceLength = Math.ceil(pieceLength / 2)
    }
    if (rest.length === 0) return
    logger.warn({ entries: rest.length }, 'received lines are given up: the store cannot take them')
    onDropped(rest.length)
  }

  async #push(entries: readonly ReceivedEntry[]): Promise<PushOutcome> {
    const { target, budget } = this.#parts
    const batch = new EntryBatch()
    for (const [number, entry] of entries.entries()) batch.add(entry, number)
    const share = budget.enter({ tenant: '', address: 'receivers' })
    try {
      share.unpacked(batch.bytes)
      share.decoded()
      return await pushEntries(batch, target)
    } finally {
      share.release()
    }
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing
    if (!signal.aborted) await sleep(ms, undefined, { signal }).catch(() => undefined)
  }
}

function entryBytes({ line }: ReceivedEntry): number {
  return line.length + receivedEntryBytes
}

const passingCodes: ReadonlySet<string> = new Set([
  ...['PUSH_NO_ROOM', 'STORAGE_UNAVAILABLE', 'BUCKET_UNAVAILABLE', 'CATALOG_UNAVAILABLE'],
  'CHANGE_REFUSED',
])

/** Whether an error may be gone at the next attempt. */
function mayPass({ code }: Error & { code?: string }): boolean {
  return passingCodes.has(code ?? '')
}
