// Ends a replica before and after every call to bucket and PostgreSQL that changes something, and lets each fail.

import { mkdirSync } from 'node:fs'
import { pointModes, runReplicaPoint } from '../packages/store/test/faults/replica-point.ts'
import { createPostgres, noPostgres } from '../test/postgres-server.ts'
import type { PartOptions, PartReport } from './part.ts'

export async function runReplicaPoints({ seed, rounds, dir }: PartOptions): Promise<PartReport> {
  if (noPostgres) return { counts: 'nothing was run', problems: [noPostgres] }
  const closing: (() => unknown)[] = []
  const postgres = await createPostgres({ teardown: close => closing.push(close) })
  mkdirSync(dir, { recursive: true })
  const problems: string[] = []
  let points = 0
  // With a few rounds, they are spread over some forty calls, beginning at the seed.
  const stride = rounds === undefined ? 1 : Math.max(1, Math.floor(40 / rounds))
  try {
    for (let at = 1 + (rounds === undefined ? 0 : seed % stride); ; at += stride) {
      let isReached = false
      for (const mode of pointModes) {
        const outcome = await runReplicaPoint({ at, mode }, { postgres, dir })
        if (outcome.call !== undefined) points++
        isReached ||= outcome.call !== undefined
        for (const problem of outcome.problems)
          problems.push(`${mode} call ${at} (${outcome.call}): ${problem}`)
      }
      if (!isReached) break
    }
  } finally {
    for (const close of closing.toReversed()) await close()
  }
  return { counts: `${points} calls that ended a replica or failed`, problems }
}
