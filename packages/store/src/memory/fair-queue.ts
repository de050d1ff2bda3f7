// What waits, by tenant. Tenants take turns, so one with many queries delays another by one of them.

/** A queue in which owners take turns. Those of one owner come in order. */
export class FairQueue<T> {
  /** Owner → what waits. The first owner is next. */
  readonly #byOwner = new Map<string, T[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Everything that waits, in no particular order. */
  get all(): readonly T[] {
    return [...this.#byOwner.values()].flat()
  }

  push(owner: string, one: T): void {
    const queue = this.#byOwner.get(owner)
    if (queue) queue.push(one)
    else this.#byOwner.set(owner, [one])
    this.#size++
  }

  /** Takes the next one. The next turn is another owner's. */
  shift(): T | undefined {
    for (const [owner, queue] of this.#byOwner) {
      const [next, ...rest] = queue
      this.#byOwner.delete(owner)
      if (rest.length > 0) this.#byOwner.set(owner, rest)
      this.#size--
      return next
    }
    return undefined
  }

  /** Removes one that no longer waits. */
  remove(owner: string, one: T): void {
    const queue = this.#byOwner.get(owner)
    const at = queue?.indexOf(one) ?? -1
    if (!queue || at < 0) return
    queue.splice(at, 1)
    if (queue.length === 0) this.#byOwner.delete(owner)
    this.#size--
  }
}
