// Directories of data, which are for their owner alone.

import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { privateDirectoryMode } from './file-modes.ts'

/**
 * Makes a directory and those above it, where they are not there. One after the other: Node's own recursive
 * mkdir never ends where the system lets nobody make anything, as below /proc.
 *
 * @throws the system's error when one cannot be made, or is no directory.
 */
export function makePrivateDirectory(path: string): void {
  const full = resolve(path)
  const found = statSync(full, { throwIfNoEntry: false })
  if (found?.isDirectory()) return
  if (!found && !statSync(dirname(full), { throwIfNoEntry: false })) {
    makePrivateDirectory(dirname(full))
  }
  try {
    mkdirSync(full, { mode: privateDirectoryMode })
  } catch (error) {
    const isThere = statSync(full, { throwIfNoEntry: false })?.isDirectory()
    if (!isThere) throw error
  }
}
