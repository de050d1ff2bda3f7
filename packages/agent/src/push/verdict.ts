// What an answer to a push means for the batch: accepted, to be sent again, or never acceptable as it is.

import type { PushAnswer } from './client.ts'

/**
 * - `taken`: the server has every entry.
 * - `retry`: the same batch may be accepted later: the server is down, busy, has moved, or rejects our
 * credentials for now.
 * - `too_large`: a part of the batch may be accepted.
 * - `refused`: at least one entry will never be accepted; the others may be.
 * - `rate_limited`: too much at once, and the configuration says to drop it.
 */
export type Verdict = 'taken' | 'retry' | 'too_large' | 'refused' | 'rate_limited'

// Answers that blame the batch. All others blame something on the way (a proxy without a backend answers
// 404, an expired token gets 401), which somebody will fix while the lines wait in their files.
const refusals = new Set([400, 406, 409, 410, 411, 412, 415, 416, 417, 422, 431])

/** Decides what an answer means. */
export function judgeAnswer(
  { status }: Pick<PushAnswer, 'status'>,
  { dropsRateLimited }: { readonly dropsRateLimited: boolean },
): Verdict {
  if (status >= 200 && status < 300) return 'taken'
  if (status === 413) return 'too_large'
  if (status === 429 && dropsRateLimited) return 'rate_limited'
  return refusals.has(status) ? 'refused' : 'retry'
}
