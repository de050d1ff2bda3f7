// What the catalog has entered lately, so that a commit asks the database only about what is new. It has the label
// texts of the streams themselves, which the footers of fresh segments have too, and small numbers: with very many
// streams, a key and two bigints for each would take twice the memory.

import { catalogCacheEntriesMax } from '../limits.ts'

/** Activity is entered in steps of this length, so that it rarely has to be extended. */
export const activityStepNs = 10_000_000_000n

/** A stream that the database has. */
export interface KnownStream {
  readonly id: number
  /** The day on which it was last entered, since 1970-01-01. */
  readonly day: number
  /** First and last step of that day on which the database knows it to be active. */
  readonly firstStep: number
  readonly lastStep: number
}

/** Remembers streams by tenant and label text, up to a number. Then it starts over. */
export class KnownStreams {
  readonly #tenants = new Map<string, Map<string, KnownStream>>()
  readonly #countMax: number
  #count = 0

  constructor(countMax = catalogCacheEntriesMax) {
    this.#countMax = countMax
  }

  get(tenant: string, labelsText: string): KnownStream | undefined {
    return this.#tenants.get(tenant)?.get(labelsText)
  }

  set(tenant: string, labelsText: string, stream: KnownStream): void {
    let streams = this.#tenants.get(tenant)
    if (!streams?.has(labelsText)) {
      if (this.#count >= this.#countMax) {
        this.clear()
        streams = undefined
      }
      this.#count++
    }
    if (!streams) {
      streams = new Map()
      this.#tenants.set(tenant, streams)
    }
    streams.set(labelsText, stream)
  }

  clear(): void {
    this.#tenants.clear()
    this.#count = 0
  }
}

/** Returns the step that a time is in. */
export function stepOf(ns: bigint): number {
  const step = ns / activityStepNs
  return Number(ns < 0n && step * activityStepNs !== ns ? step - 1n : step)
}
