// Names of segment objects: `<sequence, 16 digits>-<level>.seg`, so that a listing sorts by age.

import { replicaNumbers, replicaNumbersFrom } from '../limits.ts'

const pattern = /^(\d{16})-(\d+)\.seg$/

/** Returns the name of a segment. A `sequence` is never used twice. */
export function segmentName(sequence: number, level: number): string {
  return `${String(sequence).padStart(16, '0')}-${level}.seg`
}

/** Parses a name. Returns `undefined` if the object is not a segment. */
export function parseSegmentName(name: string): { sequence: number; level: number } | undefined {
  const match = pattern.exec(name)
  return match ? { sequence: Number(match[1]), level: Number(match[2]) } : undefined
}

/** Returns the number of the process that wrote a segment of a replica; `undefined` for one of a single store. */
export function epochOf(name: string): number | undefined {
  const sequence = parseSegmentName(name)?.sequence ?? 0
  if (sequence < replicaNumbersFrom) return undefined
  return Math.floor((sequence - replicaNumbersFrom) / replicaNumbers)
}
