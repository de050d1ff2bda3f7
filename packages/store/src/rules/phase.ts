// When groups are evaluated: at one of some moments of the interval, so that many groups do not begin together, and those
// that do can share the results of equal queries.

import { createHash } from 'node:crypto'
import { rulePhases } from '../limits.ts'

/** Returns how far after the whole intervals a group is evaluated, in milliseconds: below the interval. */
export function phaseOf(key: string, intervalMs: number): number {
  const hash = createHash('sha1').update(key).digest().readUInt32BE(0)
  return Math.floor(((hash % rulePhases) * intervalMs) / rulePhases)
}

/** Returns the last evaluation of a group at or before a time. */
export function slotBefore(nowMs: number, intervalMs: number, phaseMs: number): number {
  return Math.floor((nowMs - phaseMs) / intervalMs) * intervalMs + phaseMs
}
