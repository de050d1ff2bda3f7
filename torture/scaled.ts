// Disturbs replicas while clients push to any of them: kills them and stops their PostgreSQL, or spoils their network.
// Runs the ledgers of e2e for longer.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { PartOptions, PartReport } from './part.ts'

const root = join(import.meta.dirname, '..')

/** Kills replicas, and stops PostgreSQL. */
export async function runScaled(options: PartOptions): Promise<PartReport> {
  return runLedger('e2e/scaled-kills.test.ts', options)
}

/** Resets, swallows, delays and cuts connections of replicas. */
export async function runNetwork(options: PartOptions): Promise<PartReport> {
  return runLedger('e2e/scaled-network.test.ts', options)
}

function runLedger(file: string, { seed, minutes }: PartOptions): PartReport {
  const env = {
    ...process.env,
    SKALD_CRASH_SEED: String(seed),
    SKALD_SCALED_MS: String(minutes * 60_000),
    TAP_TIMEOUT: String(minutes * 180 + 600),
  }
  const { status, stdout } = spawnSync(process.execPath, [file], {
    ...{ cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 28 },
  })
  const lines = stdout.split('\n')
  const failed = lines.filter(line => /^\s*not ok/.test(line)).slice(0, 5)
  const counts = lines.find(line => line.includes('lines acknowledged'))?.replace(/^[\s#]+/, '')
  const skipped = lines.find(line => line.includes('# SKIP'))?.replace(/^.*# SKIP /, '')
  const ended = `${file} ended with ${status}: ${failed.join('; ')}`
  return {
    counts: counts ?? `nothing was run: ${skipped}`,
    problems: status === 0 && counts !== undefined ? [] : [skipped ?? ended],
  }
}
