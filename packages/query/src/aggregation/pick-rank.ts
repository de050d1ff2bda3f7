// Quickselect: finds the number at one rank without sorting everything.

import { sortedPartMax } from '../limits.ts'

/**
 * Returns the number that would be at `rank` if `values` were sorted from `first` on. There must be no NaN.
 * Moves the values: smaller ones end up before it and larger ones after it, which makes the next rank quick
 * to find. Takes linear time, n log n at worst.
 */
export function pickRank(values: Float64Array, first: number, rank: number): number {
  let low = first
  let high = values.length - 1
  for (
    let left = 2 * Math.log2(values.length + 1);
    high - low > sortedPartMax && left > 0;
    left--
  ) {
    const border = partition(values, low, high)
    if (rank <= border) high = border
    else low = border + 1
  }
  values.subarray(low, high + 1).sort()
  return values[rank]!
}

/** Hoare's partition: nothing up to the returned index is larger than anything after it. */
function partition(values: Float64Array, low: number, high: number): number {
  const pivot = middleOf(values[low]!, values[(low + high) >> 1]!, values[high]!)
  let i = low - 1
  let j = high + 1
  for (;;) {
    do i++
    while (values[i]! < pivot)
    do j--
    while (values[j]! > pivot)
    if (i >= j) return j
    const kept = values[i]!
    values[i] = values[j]!
    values[j] = kept
  }
}

function middleOf(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))
}
