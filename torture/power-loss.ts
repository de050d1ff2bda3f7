// Stores whose power ends at random calls, by seed.

import { join } from 'node:path'
import { runPowerStory } from '../packages/store/test/faults/power-story.ts'
import type { PartOptions, PartReport } from './part.ts'

export async function runPowerLoss({ seed, rounds = 1000, dir }: PartOptions): Promise<PartReport> {
  const problems: string[] = []
  const sum = { powerLosses: 0, kills: 0, duringStarts: 0, acknowledged: 0, deletes: 0 }
  for (let round = 0; round < rounds; round++) {
    try {
      const counts = await runPowerStory(seed + round, join(dir, 'store'))
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += counts[name]
    } catch (error) {
      problems.push((error as Error).message)
    }
  }
  const { powerLosses, kills, duringStarts, acknowledged, deletes } = sum
  return {
    counts:
      `${rounds} stores, ${powerLosses} power losses and ${kills} kills (${duringStarts} of them during a start), ` +
      `${acknowledged} acknowledged lines, ${deletes} delete requests`,
    problems,
  }
}
