// Bounds how many pieces of work run at a time, such as requests, and the bytes that they bring. Those that wait run in the
// order of their arrival.

export interface SlotBounds {
  readonly countMax: number
  readonly bytesMax: number
}

interface Waiting {
  readonly bytes: number
  readonly start: () => void
}

/** A number of slots. */
export class WorkSlots {
  readonly #bounds: SlotBounds
  #count = 0
  #bytes = 0
  readonly #waiting: Waiting[] = []

  constructor(bounds: SlotBounds) {
    this.#bounds = bounds
  }

  /** Runs some work that brings bytes, once there is room for it. A single one always has room. */
  async run<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length === 0 && this.#hasRoom(bytes)) this.#take(bytes)
    else await new Promise<void>(start => this.#waiting.push({ bytes, start }))
    try {
      return await work()
    } finally {
      this.#count--
      this.#bytes -= bytes
      this.#startWaiting()
    }
  }

  #hasRoom(bytes: number): boolean {
    const { countMax, bytesMax } = this.#bounds
    return this.#count === 0 || (this.#count < countMax && this.#bytes + bytes <= bytesMax)
  }

  #take(bytes: number): void {
    this.#count++
    this.#bytes += bytes
  }

  #startWaiting(): void {
    for (let next = this.#waiting[0]; next && this.#hasRoom(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#take(next.bytes)
      next.start()
    }
  }
}
