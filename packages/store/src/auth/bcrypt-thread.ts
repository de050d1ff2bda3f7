// Checks passwords against bcrypt hashes in a thread, which is there only while it has work.

import { bcryptThreadIdleMs } from '../limits.ts'
import { Thread } from '../threads/thread.ts'
import type { BcryptCheck, BcryptVerdict } from './bcrypt-worker.ts'

interface Waiting {
  readonly resolve: (isRight: boolean) => void
  readonly reject: (error: Error) => void
}

export class BcryptThread {
  readonly #waiting = new Map<number, Waiting>()
  #thread: Thread<BcryptCheck, BcryptVerdict> | undefined
  #idle: NodeJS.Timeout | undefined
  #nextId = 0

  /** Resolves with whether a password belongs to a hash. */
  check(password: string, hash: string): Promise<boolean> {
    clearTimeout(this.#idle)
    this.#thread ??= this.#start()
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#thread!.send({ id, password, hash })
    })
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle)
    const thread = this.#thread
    this.#thread = undefined
    await thread?.close()
  }

  #start(): Thread<BcryptCheck, BcryptVerdict> {
    const thread: Thread<BcryptCheck, BcryptVerdict> = new Thread(
      new URL('./bcrypt-worker.ts', import.meta.url),
      {
        data: undefined,
        onAnswer: ({ id, isRight }) => {
          this.#waiting.get(id)?.resolve(isRight)
          this.#waiting.delete(id)
          if (this.#waiting.size === 0) this.#restLater()
        },
        onEnd: error => {
          if (this.#thread === thread) this.#thread = undefined
          const why = error ?? new Error('the thread that checks passwords has ended')
          for (const { reject } of this.#waiting.values()) reject(why)
          this.#waiting.clear()
        },
      },
    )
    return thread
  }

  #restLater(): void {
    this.#idle = setTimeout(() => void this.close(), bcryptThreadIdleMs).unref()
  }
}
