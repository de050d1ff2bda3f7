// The parts of the torture, each a long form of tests that `npm test` runs for a short time.

import { runCrashPoints } from './crash-points.ts'
import { runCatalogDamage, runSegmentDamage } from './damage.ts'
import { runDoors } from './doors.ts'
import { runErrors } from './errors.ts'
import { runHistory } from './history.ts'
import { runKills } from './kills.ts'
import { runMemory } from './memory.ts'
import type { PartOptions, PartReport } from './part.ts'
import { runPowerLoss } from './power-loss.ts'
import { runReplicaPoints } from './replica-points.ts'
import { runRules } from './rules.ts'
import { runNetwork, runScaled } from './scaled.ts'
import { runSoak } from './soak.ts'

export interface Part {
  readonly run: (options: PartOptions) => Promise<PartReport>
}

export const parts: Readonly<Record<string, Part>> = {
  'power-loss': { run: runPowerLoss },
  errors: { run: runErrors },
  'damaged-segments': { run: runSegmentDamage },
  'damaged-catalog': { run: runCatalogDamage },
  'crash-points': { run: runCrashPoints },
  'replica-points': { run: runReplicaPoints },
  kills: { run: runKills },
  history: { run: runHistory },
  memory: { run: runMemory },
  doors: { run: runDoors },
  rules: { run: runRules },
  soak: { run: runSoak },
  scaled: { run: runScaled },
  network: { run: runNetwork },
}
