// UTC days. Segments are split by day.

export const secondsPerDay = 86_400
export const nsPerDay = 86_400_000_000_000n

/** Returns the day of a time: whole days since 1970-01-01, rounded down. */
export function dayOf(timestampNs: bigint): number {
  const day = timestampNs / nsPerDay
  return Number(timestampNs < 0n && timestampNs % nsPerDay !== 0n ? day - 1n : day)
}

/** Formats a day as `2026-11-30`. */
export function formatDay(day: number): string {
  return new Date(day * secondsPerDay * 1000).toISOString().slice(0, 10)
}
