// What a scanner keeps in memory until it ends. The store counts it, and ends a query that keeps too much.

import type { LabelSet } from '@skald/wire'

/** Counts the bytes that a scanner keeps. */
export interface MemoryMeter {
  /**
   * Counts bytes of a result. They exist several times on their way to the client: in the thread of the scan, in
   * the thread that merges, and as JSON. Negative for what is no longer kept.
   *
   * @throws the meter's error when there is no memory left for the query.
   */
  takeResult(bytes: number): void
  /**
   * Counts bytes that only the scanner needs.
   *
   * @throws the meter's error when there is no memory left for the query.
   */
  takeOwn(bytes: number): void
}

/** Counts nothing. */
export const noMeter: MemoryMeter = { takeResult: () => {}, takeOwn: () => {} }

/** Memory of an object or an array, without what it holds. */
export const objectBytes = 64

/** Memory of an entry, without its line and its labels. */
export const entryBytes = 160

/** Memory of an array of numbers with its buffer, without the numbers. */
export const numbersBytes = 320

/** Returns about how much memory labels take. */
export function labelsBytes(labels: LabelSet): number {
  let bytes = objectBytes
  for (const { name, value } of labels) bytes += objectBytes + name.length + value.length
  return bytes
}
