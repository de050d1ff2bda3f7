// Schedules reads: few buffers for many files, one chunk at a time, and none while the push queue is full.

import { readBufferBytes, readSlotsMax } from '../limits.ts'
import type { ReadOutcome } from './tailed-file.ts'

/** Wants turns to read. */
export interface Reader {
  /** Reads a chunk into `buffer` and processes it. */
  read(buffer: Buffer): Promise<ReadOutcome>
}

/** Gives readers their turns. */
export class ReadScheduler {
  readonly #hasRoom: () => boolean
  readonly #waiting = new Set<Reader>()
  readonly #buffers: Buffer[] = []
  #busy = 0
  #isStopped = false
  readonly #idle: (() => void)[] = []

  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom
    for (let i = 0; i < readSlotsMax; i++)
      this.#buffers.push(Buffer.allocUnsafeSlow(readBufferBytes))
  }

  /** Requests a turn. Two requests give one turn. */
  request(reader: Reader): void {
    if (this.#isStopped) return
    this.#waiting.add(reader)
    this.pump()
  }

  /** Starts reads while buffers are free. Call it when the push queue has room again. */
  pump(): void {
    while (!this.#isStopped && this.#waiting.size > 0 && this.#buffers.length > 0) {
      if (!this.#hasRoom()) return
      const [reader] = this.#waiting
      this.#waiting.delete(reader!)
      void this.#run(reader!, this.#buffers.pop()!)
    }
  }

  async #run(reader: Reader, buffer: Buffer): Promise<void> {
    this.#busy++
    try {
      if ((await reader.read(buffer)) === 'more' && !this.#isStopped) this.#waiting.add(reader)
    } finally {
      this.#busy--
      this.#buffers.push(buffer)
      if (this.#busy === 0) for (const resolve of this.#idle.splice(0)) resolve()
      this.pump()
    }
  }

  /** Stops reading. Resolves when no read is running. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#waiting.clear()
    if (this.#busy > 0) await new Promise<void>(resolve => this.#idle.push(resolve))
  }
}
