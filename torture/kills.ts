// Kills real stores with kill -9 while clients push, and while they compact. Runs the tests of
// e2e with more rounds.

import type { PartOptions, PartReport } from './part.ts'
import { runTest } from './run-test.ts'

export async function runKills({ seed, rounds = 1000 }: PartOptions): Promise<PartReport> {
  // Kills while pushing take about a second each, rounds of compaction some ten.
  const merges = Math.ceil(rounds / 40)
  const variables = {
    SKALD_CRASH_SEED: String(seed),
    SKALD_CRASH_KILLS: String(rounds),
    SKALD_CRASH_ROUNDS: String(merges),
    TAP_TIMEOUT: '7200',
  }
  const problems: string[] = []
  for (const name of ['store-crash', 'compaction-crash']) {
    const { failed } = await runTest(`e2e/${name}.test.ts`, variables)
    if (failed !== '') problems.push(failed)
  }
  return { counts: `${rounds} kills during pushes, ${merges} during compaction`, problems }
}
