// Compresses with bzip2(1), because Node has no bzip2.

import { spawnSync } from 'node:child_process'

export function bzip2Sync(input: Buffer): Buffer {
  return spawnSync('bzip2', ['-c'], { input, maxBuffer: 1 << 28 }).stdout
}
