// Kills replicas and stops their PostgreSQL while clients push to any of them. Runs the ledger of e2e for longer.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { PartOptions, PartReport } from './parts.ts'

const root = join(import.meta.dirname, '..')

export async function runScaled({ seed, minutes }: PartOptions): Promise<PartReport> {
  const env = {
    ...process.env,
    SKALD_CRASH_SEED: String(seed),
    SKALD_SCALED_MS: String(minutes * 60_000),
    TAP_TIMEOUT: String(minutes * 180 + 600),
  }
  const { status, stdout } = spawnSync(process.execPath, ['e2e/scaled.test.ts'], {
    ...{ cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 28 },
  })
  const lines = stdout.split('\n')
  const failed = lines.filter(line => /^\s*not ok/.test(line)).slice(0, 5)
  const counts = lines.find(line => line.includes('lines acknowledged'))?.replace(/^[\s#]+/, '')
  const skipped = lines.find(line => line.includes('# SKIP'))?.replace(/^.*# SKIP /, '')
  const ended = `e2e/scaled.test.ts ended with ${status}: ${failed.join('; ')}`
  return {
    counts: counts ?? `nothing was run: ${skipped}`,
    problems: status === 0 && counts !== undefined ? [] : [skipped ?? ended],
  }
}
