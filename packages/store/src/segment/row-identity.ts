// Decides when two rows of a stream are the same: equal time, line and structured metadata.
// `detected_level` does not count. It is derived from the rest, and other rules may have applied
// when the row first arrived.

import { hash } from 'node:crypto'
import type { LabelSet } from '@skald/wire'
import { detectedLevelLabel } from '../levels/detected-level.ts'

/** From this many rows at one time on, a table of digests is cheaper than comparing. */
export const digestFrom = 16

/** Returns one key per metadata set. Two sets have the same key only if they count as equal. */
export function metadataKeys(sets: readonly LabelSet[]): string[] {
  return sets.map(set => {
    const pairs = set.filter(({ name }) => name !== detectedLevelLabel)
    return pairs.length === 0 ? '' : JSON.stringify(pairs.map(({ name, value }) => [name, value]))
  })
}

/**
 * Returns a text that is the same only for rows with equal line and metadata. Some programs give
 * whole batches the same time, and comparing ten thousand rows with each other would take minutes.
 */
export function digestRow(line: Buffer, metadataKey: string): string {
  const digest = hash('sha256', line, 'base64')
  return metadataKey === '' ? digest : `${digest}${hash('sha256', metadataKey, 'base64')}`
}
