// Kills real stores with kill -9 while clients push, and while they compact. Runs the tests of
// e2e with more rounds.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { PartOptions, PartReport } from './part.ts'

const root = join(import.meta.dirname, '..')

export async function runKills({ seed, rounds = 1000 }: PartOptions): Promise<PartReport> {
  // Kills while pushing take about a second each, rounds of compaction some ten.
  const merges = Math.ceil(rounds / 40)
  const env = {
    ...process.env,
    SKALD_CRASH_SEED: String(seed),
    SKALD_CRASH_KILLS: String(rounds),
    SKALD_CRASH_ROUNDS: String(merges),
    TAP_TIMEOUT: '7200',
  }
  const problems: string[] = []
  for (const name of ['store-crash', 'compaction-crash']) {
    const { status, stdout } = spawnSync(process.execPath, [`e2e/${name}.test.ts`], {
      ...{ cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 28 },
    })
    if (status === 0) continue
    const failed = stdout.split('\n').filter(line => /^\s*not ok/.test(line))
    problems.push(`e2e/${name}.test.ts ended with ${status}: ${failed.slice(0, 5).join('; ')}`)
  }
  return { counts: `${rounds} kills during pushes, ${merges} during compaction`, problems }
}
