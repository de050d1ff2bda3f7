// A store is killed at many moments of the evaluation of its rules. The short form is in e2e/rules.test.ts.

import { Random } from '../bench/random.ts'
import { skipAlertServers } from '../e2e/alert-servers.ts'
import { killWhileEvaluating } from '../e2e/killed-rules.ts'
import type { PartOptions, PartReport } from './part.ts'

export async function runRules({
  seed,
  rounds: kills = 50,
  dir,
}: PartOptions): Promise<PartReport> {
  if (skipAlertServers) return { counts: 'not run', problems: [skipAlertServers] }
  const random = new Random(seed)
  const options = { dir, kills, random: () => random.below(1 << 20) / (1 << 20) }
  return {
    counts: `${kills} kills while four alerts fire`,
    problems: await killWhileEvaluating(options),
  }
}
