// Compresses as bzip2(1) does: Node has no bzip2 of its own.

import { spawnSync } from 'node:child_process'

/** Compresses bytes. */
export function bzip2Sync(input: Buffer): Buffer {
  return spawnSync('bzip2', ['-c'], { input, maxBuffer: 1 << 28 }).stdout
}
