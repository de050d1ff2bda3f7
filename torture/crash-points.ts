// Ends a real process before and after every call to the disk.

import { join } from 'node:path'
import { runCrashPoint } from '../packages/store/test/faults/crash-point.ts'
import type { PartOptions, PartReport } from './part.ts'

export async function runCrashPoints({ seed, rounds, dir }: PartOptions): Promise<PartReport> {
  const problems: string[] = []
  let ended = 0
  let acknowledged = 0
  // With a few rounds, they are spread over some hundred calls, beginning at the seed.
  const stride = rounds === undefined ? 1 : Math.max(1, Math.floor(200 / rounds))
  for (let at = 1 + (rounds === undefined ? 0 : seed % stride); ; at += stride) {
    let hasEnded = false
    for (const when of ['before', 'after'] as const) {
      const outcome = await runCrashPoint({ at, when }, join(dir, 'store'))
      if (outcome.hasEnded) ended++
      hasEnded ||= outcome.hasEnded
      acknowledged += outcome.acknowledged
      for (const problem of outcome.problems) problems.push(`${when} call ${at}: ${problem}`)
    }
    if (!hasEnded) break
  }
  return { counts: `${ended} ends of a process, ${acknowledged} acknowledged lines`, problems }
}
