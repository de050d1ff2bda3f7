// What an answer to a push means for the batch: taken, to be sent again, or never to be taken as it is.

import type { PushAnswer } from './client.ts'

/**
 * - `taken`: every entry is with the server.
 * - `retry`: the same batch may be taken later: the server is down, busy, moved or not yet let us in.
 * - `too_large`: a part of the batch may be taken.
 * - `refused`: at least one entry will never be taken; its neighbours may be.
 * - `rate_limited`: too much at once, and the configuration says to drop it.
 */
export type Verdict = 'taken' | 'retry' | 'too_large' | 'refused' | 'rate_limited'

// Answers that blame what was sent. All others blame the way there (a proxy without a backend answers
// 404, a token that is being renewed 401), which somebody will mend while the lines wait in their files.
const refusals = new Set([400, 406, 409, 410, 411, 412, 415, 416, 417, 422, 431])

/** Judges an answer. */
export function judgeAnswer(
  { status }: Pick<PushAnswer, 'status'>,
  { dropsRateLimited }: { readonly dropsRateLimited: boolean },
): Verdict {
  if (status >= 200 && status < 300) return 'taken'
  if (status === 413) return 'too_large'
  if (status === 429 && dropsRateLimited) return 'rate_limited'
  return refusals.has(status) ? 'refused' : 'retry'
}
