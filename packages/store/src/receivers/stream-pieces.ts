// Entries of a body or connection that is stored while it arrives: in pieces, by size and by age.

import { within } from '@skald/wire/within'
import { streamPieceBytes, streamPieceMs } from '../limits.ts'
import { EntryBatch, type ReceivedEntry } from './entry-batch.ts'
import { type PushOutcome, type PushTarget, pushEntries } from './push-entries.ts'

/** Collects entries until they are worth a commit. */
export class StreamPieces {
  readonly #target: PushTarget
  #batch = new EntryBatch()
  /** When the first entry of the batch came, in milliseconds of `performance.now()`. */
  #sinceMs = 0

  constructor(target: PushTarget) {
    this.#target = target
  }

  /** Whether entries wait to be stored. */
  get isWaiting(): boolean {
    return this.#batch.entryCount > 0
  }

  /** Whether `store` should be called. */
  get isDue(): boolean {
    if (!this.isWaiting) return false
    return (
      this.#batch.bytes >= streamPieceBytes || performance.now() - this.#sinceMs >= streamPieceMs
    )
  }

  get bytes(): number {
    return this.#batch.bytes
  }

  add(entry: ReceivedEntry, number: number): void {
    if (!this.isWaiting) this.#sinceMs = performance.now()
    this.#batch.add(entry, number)
  }

  /** Stores what has been collected. @throws what `pushEntries` throws. */
  async store(): Promise<PushOutcome> {
    const batch = this.#batch
    this.#batch = new EntryBatch()
    return await pushEntries(batch, this.#target)
  }
}

/**
 * Yields the chunks of a stream, and `undefined` when none has come for `streamPieceMs` while `isWaiting` returns
 * true.
 */
export async function* chunksOrQuiet(
  input: AsyncIterable<Buffer>,
  isWaiting: () => boolean,
): AsyncGenerator<Buffer | undefined> {
  const chunks = input[Symbol.asyncIterator]()
  let next: Promise<IteratorResult<Buffer>> | undefined
  try {
    for (;;) {
      next ??= chunks.next()
      const result = isWaiting() ? await within(next, streamPieceMs) : await next
      if (!result) {
        yield undefined
        continue
      }
      next = undefined
      if (result.done) return
      yield result.value
    }
  } finally {
    // The reader may have stopped early, with nobody waiting for the pending read.
    void next?.catch(() => undefined)
    void chunks.return?.().catch(() => undefined)
  }
}
