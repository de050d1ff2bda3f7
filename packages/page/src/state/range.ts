// Time ranges: as written (`now-1h`, or nanoseconds) and as asked.

export interface TimeRange {
  /** `now-1h`, or nanoseconds. */
  readonly from: string
  /** `now`, or nanoseconds. */
  readonly to: string
}

/** A range in nanoseconds. The start is part of it, the end is not. */
export interface NsRange {
  readonly startNs: bigint
  readonly endNs: bigint
}

export const defaultRange: TimeRange = { from: 'now-1h', to: 'now' }

/** Spans to choose from. */
export const spans = [
  '5m',
  '15m',
  '30m',
  '1h',
  '3h',
  '6h',
  '12h',
  '24h',
  '2d',
  '7d',
  '30d',
] as const

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** Returns the milliseconds of `now-1h` before now; `undefined` for anything else. */
export function relativeMs(text: string): number | undefined {
  if (text === 'now') return 0
  const [, count, unit = ''] = /^now-(\d{1,6})([smhdw])$/.exec(text) ?? []
  return count === undefined ? undefined : Number(count) * unitMs[unit]!
}

/** Returns true for texts that a range may have. */
export function isTime(text: string): boolean {
  return relativeMs(text) !== undefined || /^\d{10,19}$/.test(text)
}

function resolveTime(text: string, nowMs: number): bigint {
  const agoMs = relativeMs(text)
  return agoMs === undefined ? BigInt(text) : BigInt(nowMs - agoMs) * 1_000_000n
}

/** Returns the nanoseconds of a range. Lines with the time of now are part of it. */
export function resolveRange({ from, to }: TimeRange, nowMs: number): NsRange {
  const startNs = resolveTime(from, nowMs)
  // A second ahead: the clock of the store may be ahead of the browser's.
  const endNs = to === 'now' ? BigInt(nowMs + 1000) * 1_000_000n : resolveTime(to, nowMs)
  return endNs > startNs ? { startNs, endNs } : { startNs, endNs: startNs + 1n }
}

/** Returns the range between two times. */
export function absoluteRange(startNs: bigint, endNs: bigint): TimeRange {
  return { from: String(startNs), to: String(endNs) }
}

const steps = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
  172_800, 604_800,
]

/** Returns a round step in seconds that cuts a range into at most `most` parts. */
export function stepSecondsOf({ startNs, endNs }: NsRange, most: number): number {
  const seconds = Number(endNs - startNs) / 1e9
  return steps.find(step => seconds / step <= most) ?? Math.ceil(seconds / most / 604_800) * 604_800
}
