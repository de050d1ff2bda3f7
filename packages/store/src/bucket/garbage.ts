// Deletes objects from the bucket some time after nothing needs them any more: an older copy of the catalog
// may still name them. They go in the order of their numbers. So an object is never there without the
// objects that replaced it and were replaced in turn, and a new machine can tell which ones count.

import { join } from 'node:path'
import type { Logger } from 'pino'
import { bucketSweepMsLeast, bucketSweepMsMax } from '../limits.ts'
import { loadJsonFile, saveJsonFile } from './json-file.ts'

export interface GarbageParts {
  readonly dataDir: string
  readonly delayMs: number
  readonly clock: { now(): number }
  readonly logger: Logger
  /** Deletes a segment's object. */
  readonly remove: (segment: string) => Promise<void>
  /** Rejects if this store may not delete. */
  readonly check: () => Promise<void>
}

/** Opens the list of objects to delete. */
export async function openGarbage(parts: GarbageParts): Promise<Garbage> {
  const known = await loadJsonFile(pathOf(parts)).catch(() => undefined)
  return new Garbage(parts, (known ?? {}) as Record<string, number>)
}

function pathOf({ dataDir }: GarbageParts): string {
  return join(dataDir, 'bucket-garbage.json')
}

/** The objects to delete, and when. */
export class Garbage {
  readonly #parts: GarbageParts
  /** Segment → when it may go. */
  readonly #due: Map<string, number>
  readonly #timer: NodeJS.Timeout
  #sweeping: Promise<void> | undefined
  #saving: Promise<void> = Promise.resolve()
  #isFailing = false
  #isClosed = false

  constructor(parts: GarbageParts, known: Readonly<Record<string, number>>) {
    this.#parts = parts
    this.#due = new Map(Object.entries(known))
    const everyMs = Math.max(bucketSweepMsLeast, Math.min(bucketSweepMsMax, parts.delayMs))
    this.#timer = setInterval(() => void this.sweep(), everyMs)
    this.#timer.unref()
  }

  has(segment: string): boolean {
    return this.#due.has(segment)
  }

  /** Adds segments that nothing needs any more. */
  async add(segments: readonly string[]): Promise<void> {
    const fresh = segments.filter(segment => !this.#due.has(segment))
    if (fresh.length === 0) return
    const dueMs = this.#parts.clock.now() + this.#parts.delayMs
    for (const segment of fresh) this.#due.set(segment, dueMs)
    await this.#save()
  }

  /** Deletes what is due. Never rejects. */
  async sweep(): Promise<void> {
    this.#sweeping ??= this.#sweepOnce().finally(() => {
      this.#sweeping = undefined
    })
    await this.#sweeping
  }

  async #sweepOnce(): Promise<void> {
    const { clock, remove, check, logger } = this.#parts
    const nowMs = clock.now()
    const due = [...this.#due].filter(([, dueMs]) => dueMs <= nowMs).map(([segment]) => segment)
    if (due.length === 0 || this.#isClosed) return
    try {
      await check()
      for (const segment of due.sort()) {
        if (this.#isClosed) break
        await remove(segment)
        this.#due.delete(segment)
      }
      this.#isFailing = false
    } catch (error) {
      if (!this.#isFailing)
        logger.warn({ reason: (error as Error).message }, 'cannot delete objects of the bucket yet')
      this.#isFailing = true
    }
    await this.#save().catch((error: unknown) => logger.warn({ err: error }, 'cannot save a list'))
  }

  #save(): Promise<void> {
    this.#saving = this.#saving
      .catch(() => undefined)
      .then(() => saveJsonFile(pathOf(this.#parts), Object.fromEntries(this.#due)))
    return this.#saving
  }

  /** Lets a deletion under way finish. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#sweeping
    await this.#saving.catch(() => undefined)
  }
}
