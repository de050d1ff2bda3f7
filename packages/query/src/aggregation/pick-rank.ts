// Quickselect: the number of one rank, without putting all of them in order.

/** Parts of this size or smaller, and all once the halving went badly, are sorted. */
const sortedMax = 24

/**
 * Finds the number that would stand at `rank` if `values` were ascending from `first` on; there is no NaN
 * among them. Moves them: smaller ones are in front of it afterwards, larger ones behind, so that the
 * next rank is found quickly. Takes linear time, n log n at the worst.
 */
export function pickRank(values: Float64Array, first: number, rank: number): number {
  let low = first
  let high = values.length - 1
  for (let left = 2 * Math.log2(values.length + 1); high - low > sortedMax && left > 0; left--) {
    const border = partition(values, low, high)
    if (rank <= border) high = border
    else low = border + 1
  }
  values.subarray(low, high + 1).sort()
  return values[rank]!
}

/** Hoare's: up to the returned index nothing is larger than anything behind it. */
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
