// What makes two rows of a stream the same: time, line and structured metadata. `detected_level` does not
// count: it is found from the others, perhaps by other rules when the row came the first time.

import { hash } from 'node:crypto'
import type { LabelSet } from '@skald/wire'
import { detectedLevelLabel } from '../levels/detected-level.ts'

/** From so many rows at one time on, a table of digests is cheaper than comparing. */
export const digestFrom = 16

/** Returns texts of metadata sets that only sets which make rows the same have in common. */
export function metadataKeys(sets: readonly LabelSet[]): string[] {
  return sets.map(set => {
    const pairs = set.filter(({ name }) => name !== detectedLevelLabel)
    return pairs.length === 0 ? '' : JSON.stringify(pairs.map(({ name, value }) => [name, value]))
  })
}

/**
 * Returns a text that only rows with equal line and metadata have in common. Some programs stamp whole
 * batches with one time, and comparing each of ten thousand rows with each would take minutes.
 */
export function digestRow(line: Buffer, metadataKey: string): string {
  const digest = hash('sha256', line, 'base64')
  return metadataKey === '' ? digest : `${digest}${hash('sha256', metadataKey, 'base64')}`
}
