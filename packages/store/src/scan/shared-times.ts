// Finds the times that several blocks of a stream share. There are hardly ever any, so this runs
// before rows are compared.

/** Ascending times of one block, counted from `from`. */
export interface TimeList {
  readonly times: Float64Array
  readonly from: number
}

/** Returns the times that occur in more than one list, ascending. */
export function sharedTimes(lists: readonly TimeList[]): number[] {
  const shared = new Set<number>()
  mergeLists(lists, shared)
  return [...shared].sort((a, b) => a - b)
}

// Merges halves recursively, so that each time is visited once per doubling of the lists.
function mergeLists(lists: readonly TimeList[], shared: Set<number>): Float64Array {
  const [first] = lists
  if (!first) return new Float64Array(0)
  if (lists.length === 1) return shifted(first)
  const middle = lists.length >> 1
  const left = mergeLists(lists.slice(0, middle), shared)
  const right = mergeLists(lists.slice(middle), shared)
  return mergeTimes(left, right, shared)
}

function shifted({ times, from }: TimeList): Float64Array {
  if (from === 0) return times
  const moved = new Float64Array(times.length)
  for (let i = 0; i < times.length; i++) moved[i] = times[i]! + from
  return moved
}

function mergeTimes(left: Float64Array, right: Float64Array, shared: Set<number>): Float64Array {
  const merged = new Float64Array(left.length + right.length)
  let i = 0
  let j = 0
  let at = 0
  while (i < left.length && j < right.length) {
    const a = left[i]!
    const b = right[j]!
    if (a === b) shared.add(a)
    if (a <= b) {
      merged[at++] = a
      i++
    } else {
      merged[at++] = b
      j++
    }
  }
  merged.set(i < left.length ? left.subarray(i) : right.subarray(j), at)
  return merged
}
