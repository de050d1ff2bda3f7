// Small files of a data directory that are read at a start and replaced as a whole.

import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { privateFileMode } from '@skald/wire'

/** Reads a file. Returns `undefined` if it is missing. @throws SyntaxError if it is no JSON. */
export async function loadJsonFile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Replaces a file. Resolves once the new content would survive a power loss. */
export async function saveJsonFile(path: string, value: unknown): Promise<void> {
  const fresh = `${path}.new`
  const file = await open(fresh, 'w', privateFileMode)
  try {
    await file.writeFile(JSON.stringify(value))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(fresh, path)
  const directory = await open(dirname(path), 'r')
  await directory.sync().finally(() => directory.close())
}
