// Acknowledgements of Splunk's HTTP Event Collector. A request is answered when it is on disk, so the id in its answer is
// acknowledged from then on. Ids grow from the time of the start, so those of an earlier process count too.

/** Hands out ids of acknowledgements. */
export class Acknowledgements {
  #nextId: number

  constructor(clock: { now(): number }) {
    // A thousand requests in a millisecond are more than there can be.
    this.#nextId = clock.now() * 1000
  }

  /** Returns the id of a request that is on disk. */
  next(): number {
    return this.#nextId++
  }

  /** Returns true if an id was handed out. */
  has(id: number): boolean {
    return Number.isSafeInteger(id) && id >= 0 && id < this.#nextId
  }
}
