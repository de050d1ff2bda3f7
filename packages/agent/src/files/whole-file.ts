// Writes small files as a whole: a reader, or a loss of power, finds the old content or the new one.

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
 * Replaces a file by a new content, or leaves the old one.
 *
 * @throws the system's error, when the disk is full for example.
 */
export function writeWhole(path: string, text: string): void {
  makePrivateDirectory(dirname(path))
  const temporary = `${path}.new`
  const fd = openSync(temporary, 'w', privateFileMode)
  try {
    // One that a killed process left behind may have another mode.
    fchmodSync(fd, privateFileMode)
    // Not writeSync, which writes as much as there is room for.
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
