// Which files to check when: a queue in steps of time, so that thousands of idle files cost nothing until
// they are due.

/** What the queue keeps with each item. */
export interface Queued {
  /** The step in which the item is due. An older entry of the item does not count. */
  dueStep: number
}

/** Items and when they are due. */
export class PollQueue<Item extends Queued> {
  readonly #stepMs: number
  /** Step → items that were scheduled for it. */
  readonly #steps = new Map<number, Item[]>()
  #nextStep: number

  constructor(options: { readonly stepMs: number; readonly nowMs: number }) {
    this.#stepMs = options.stepMs
    this.#nextStep = this.#stepOf(options.nowMs)
  }

  /** Schedules an item, instead of any earlier time. */
  schedule(item: Item, dueMs: number): void {
    const step = Math.max(this.#stepOf(dueMs), this.#nextStep)
    if (item.dueStep === step) return
    item.dueStep = step
    const items = this.#steps.get(step)
    if (items) items.push(item)
    else this.#steps.set(step, [item])
  }

  /** Removes an item. */
  remove(item: Item): void {
    item.dueStep = Number.NaN
  }

  /** Takes the items that are due. */
  takeDue(nowMs: number): Item[] {
    const due: Item[] = []
    const now = this.#stepOf(nowMs)
    for (const [step, items] of this.#steps) {
      if (step > now) continue
      this.#steps.delete(step)
      for (const item of items) {
        if (item.dueStep !== step) continue
        item.dueStep = Number.NaN
        due.push(item)
      }
    }
    this.#nextStep = Math.max(this.#nextStep, now + 1)
    return due
  }

  #stepOf(timeMs: number): number {
    return Math.floor(timeMs / this.#stepMs)
  }
}
