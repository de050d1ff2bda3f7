// Every call of every kind fails in turn, with each error, once and several times in a row.

import { join } from 'node:path'
import {
  errorCodes,
  failingKinds,
  runErrorStory,
} from '../packages/store/test/faults/error-story.ts'
import type { PartOptions, PartReport } from './part.ts'

export async function runErrors({ rounds, dir }: PartOptions): Promise<PartReport> {
  const problems: string[] = []
  let runs = 0
  let calls = 0
  for (const kind of failingKinds) {
    for (const code of errorCodes) {
      for (const count of [1, 3]) {
        for (let at = 1; at <= (rounds ?? Number.POSITIVE_INFINITY); at++) {
          runs++
          const story = await runErrorStory({ kind, code, at, count }, join(dir, 'store'))
          for (const problem of story.problems)
            problems.push(`${kind} ${at}, ${code} ${count} times: ${problem}`)
          if (!story.hasFailed) break
          calls++
        }
      }
    }
  }
  const kinds = `${failingKinds.length} kinds of calls, ${errorCodes.length} errors`
  return { counts: `${runs} stores, ${kinds}, ${calls} failures`, problems }
}
