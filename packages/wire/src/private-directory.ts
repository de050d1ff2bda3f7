// Creates data directories that only their owner can access.

import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { privateDirectoryMode } from './file-modes.ts'

/**
 * Creates a directory and its missing parents, one by one: Node's recursive mkdir never returns
 * where nobody may create anything, such as below /proc.
 * @throws the system's error when one cannot be created or is not a directory.
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
