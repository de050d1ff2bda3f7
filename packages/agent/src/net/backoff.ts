// Waits between attempts: exponential with jitter, like Promtail's.

import { retryAfterMsMax } from '../limits.ts'
export interface BackoffConfig {
  readonly minMs: number
  readonly maxMs: number
  /** Attempts before a batch is given up; 0 for no limit. */
  readonly attemptsMax: number
}

/**
 * Returns how long to wait after attempt `attempt`, counted from 0: a random time between `min * 2^attempt`
 * and twice that, at most `max`, and at least what the server asked for.
 */
export function backoffMs(
  config: BackoffConfig,
  attempt: number,
  options: { readonly retryAfterMs?: number; readonly random: () => number },
): number {
  const low = Math.min(config.minMs * 2 ** Math.min(attempt, 40), config.maxMs)
  const high = Math.min(low * 2, config.maxMs)
  const waitMs = low + options.random() * (high - low)
  // A server may ask for a longer wait, but not an endless one.
  const askedMs = Math.min(options.retryAfterMs ?? 0, Math.max(config.maxMs, retryAfterMsMax))
  return Math.max(waitMs, askedMs)
}

/** Reads a Retry-After header (seconds or an HTTP date) as milliseconds from now. */
export function parseRetryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined || header.trim() === '') return undefined
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return seconds >= 0 ? seconds * 1000 : undefined
  const dateMs = Date.parse(header)
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs)
}
