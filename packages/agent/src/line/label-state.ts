// Label sets on their way through a pipeline. A state is immutable and remembers where each change led, so
// lines that go through the same changes share one state, and its text is built once.

import { createLabelSet, formatLabelSet, type LabelSet } from '@skald/wire'
import { labelTransitionsMax } from '../limits.ts'

/** An immutable set of labels. The same changes lead to the same object. */
export class LabelState {
  readonly #labels: ReadonlyMap<string, string>
  #next: Map<string, LabelState> | undefined
  #text: string | undefined
  /** Slot for the sender's own data about this label set. */
  handle: object | undefined

  constructor(labels: ReadonlyMap<string, string>) {
    this.#labels = labels
  }

  get(name: string): string | undefined {
    return this.#labels.get(name)
  }

  has(name: string): boolean {
    return this.#labels.has(name)
  }

  entries(): Iterable<readonly [string, string]> {
    return this.#labels
  }

  get labels(): ReadonlyMap<string, string> {
    return this.#labels
  }

  toLabelSet(): LabelSet {
    return createLabelSet(this.#labels)
  }

  /** Canonical text `{a="b", c="d"}`. */
  get text(): string {
    this.#text ??= formatLabelSet(this.toLabelSet())
    return this.#text
  }

  with(name: string, value: string): LabelState {
    if (this.#labels.get(name) === value) return this
    const key = `${name}\u0000${value}`
    return this.#step(key, () => new Map(this.#labels).set(name, value))
  }

  without(name: string): LabelState {
    if (!this.#labels.has(name)) return this
    return this.#step(name, () => {
      const labels = new Map(this.#labels)
      labels.delete(name)
      return labels
    })
  }

  #step(key: string, make: () => Map<string, string>): LabelState {
    this.#next ??= new Map()
    let state = this.#next.get(key)
    if (state) return state
    if (this.#next.size >= labelTransitionsMax) this.#next.clear()
    state = new LabelState(make())
    this.#next.set(key, state)
    return state
  }
}
