// Half a million damaged requests of every protocol, from clients with and without rights.

import { fuzzRequests } from '../e2e/fuzzed-requests.ts'
import type { PartOptions, PartReport } from './part.ts'

/** Requests of one round. */
const requestsPerRound = 50_000

/** MiB that the memory of the last half may be above that of the first: segments and their footers, not requests. */
const growthMaxMib = 100

export async function runDoors({ seed, rounds = 10, dir }: PartOptions): Promise<PartReport> {
  const count = rounds * requestsPerRound
  const { statuses, memoryMib, problems } = await fuzzRequests({ dir, seed, count })
  const told = [...statuses]
    .sort(([a], [b]) => a - b)
    .map(([status, times]) => `${times} times ${status === 0 ? 'cut off' : status}`)
  const half = memoryMib.length / 2
  const [early, late] = [memoryMib.slice(0, half), memoryMib.slice(half)].map(list =>
    Math.max(...list),
  ) as [number, number]
  const climbs = late - early > growthMaxMib
  return {
    counts: `${count} requests: ${told.join(', ')}; memory ${memoryMib.map(Math.round).join(' ')} MiB`,
    problems: [
      ...problems,
      ...(climbs ? [`memory climbs: ${Math.round(early)} MiB, then ${Math.round(late)}`] : []),
    ],
  }
}
