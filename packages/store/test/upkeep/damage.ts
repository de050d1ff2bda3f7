// Damages files for tests.

import { readFileSync, writeFileSync } from 'node:fs'

/** Flips a bit of the byte at `at`; from the end if that is negative. */
export function flipByte(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at < 0 ? bytes.length + at : at]! ^= 1 << (Math.abs(at) % 8)
  writeFileSync(path, bytes)
}
