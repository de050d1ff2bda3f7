// Writes small files atomically: after a crash or power loss, the file has the old content or the new one.

import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { makePrivateDirectory, privateFileMode } from '@skald/wire'

/**
 * Replaces the content of a file, or leaves the old content.
 *
 * @throws the system's error, for example if the disk is full.
 */
export function writeWhole(path: string, text: string): void {
  makePrivateDirectory(dirname(path))
  const temporary = `${path}.new`
  const fd = openSync(temporary, 'w', privateFileMode)
  try {
    // A leftover of a killed process may have another mode.
    fchmodSync(fd, privateFileMode)
    // Not writeSync, which may write only part of the text.
    writeFileSync(fd, text)
    fsyncSync(fd)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, path)
}
