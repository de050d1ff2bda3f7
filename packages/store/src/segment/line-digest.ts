// Tells lines of one moment apart when there are very many: some programs stamp whole batches with one
// time, and comparing each of ten thousand lines with each would take minutes.

import { hash } from 'node:crypto'

/** From so many lines at one time on, a table of digests is cheaper than comparing. */
export const digestFrom = 16

/** Returns a text that only equal lines have in common. */
export function digestLine(bytes: Buffer, start: number, length: number): string {
  return hash('sha256', bytes.subarray(start, start + length), 'base64')
}
