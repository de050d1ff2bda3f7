// Lets pushes be decompressed only as fast as commits take them. The main thread does both, so nothing is gained
// by more bodies in memory, and a body of snappy may be twenty times as large when it is decompressed.

import { unpackedPushBytesMax } from '../limits.ts'

interface Waiting {
  readonly bytes: number
  readonly resolve: () => void
}

/** Room for decompressed bodies. Pushes get it in the order in which they ask. */
export class UnpackedRoom {
  readonly #bytesMax: number
  #bytes = 0
  readonly #waiting: Waiting[] = []

  constructor(bytesMax = unpackedPushBytesMax) {
    this.#bytesMax = bytesMax
  }

  /**
   * Resolves once there is room for this many bytes. One body is let in whatever its size.
   * @returns a function that gives the room back. Further calls do nothing.
   */
  async enter(bytes: number): Promise<() => void> {
    if (this.#waiting.length > 0 || !this.#hasRoom(bytes)) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.push({ bytes, resolve })
      await promise
    } else this.#bytes += bytes
    let isGiven = false
    return () => {
      if (isGiven) return
      isGiven = true
      this.#bytes -= bytes
      this.#letIn()
    }
  }

  #hasRoom(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax
  }

  #letIn(): void {
    for (let next = this.#waiting[0]; next && this.#hasRoom(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#bytes += next.bytes
      next.resolve()
    }
  }
}
