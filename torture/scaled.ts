// Disturbs replicas while clients push to any of them: kills them and stops their PostgreSQL, or spoils their network.
// Runs the ledgers of e2e for longer.

import type { PartOptions, PartReport } from './part.ts'
import { runTest } from './run-test.ts'

/** Kills replicas, and stops PostgreSQL. */
export async function runScaled(options: PartOptions): Promise<PartReport> {
  return runLedger('e2e/scaled-kills.test.ts', options)
}

/** Resets, swallows, delays and cuts connections of replicas. */
export async function runNetwork(options: PartOptions): Promise<PartReport> {
  return runLedger('e2e/scaled-network.test.ts', options)
}

async function runLedger(file: string, { seed, minutes }: PartOptions): Promise<PartReport> {
  const { lines, failed } = await runTest(file, {
    SKALD_CRASH_SEED: String(seed),
    SKALD_SCALED_MS: String(minutes * 60_000),
    TAP_TIMEOUT: String(minutes * 180 + 600),
  })
  const counts = lines.find(line => line.includes('lines acknowledged'))?.replace(/^[\s#]+/, '')
  const skipped = lines.find(line => line.includes('# SKIP'))?.replace(/^.*# SKIP /, '')
  return {
    counts: counts ?? `nothing was run: ${skipped}`,
    problems: failed === '' && counts !== undefined ? [] : [skipped ?? failed],
  }
}
