// When groups are evaluated: each at its own moment of the interval, so that many groups do not begin together.

import { createHash } from 'node:crypto'

/**
 * Returns how far after the whole intervals a group is evaluated, in milliseconds: below the interval, and whole seconds
 * if that leaves enough moments, so that groups share some and their equal queries run once.
 */
export function phaseOf(key: string, intervalMs: number): number {
  const hash = createHash('sha1').update(key).digest().readUIntBE(0, 6)
  const unitMs = intervalMs >= 10_000 ? 1000 : 1
  return (hash % Math.ceil(intervalMs / unitMs)) * unitMs
}

/** Returns the last moment of a group that is not after a time. */
export function slotBefore(nowMs: number, intervalMs: number, phaseMs: number): number {
  return Math.floor((nowMs - phaseMs) / intervalMs) * intervalMs + phaseMs
}
