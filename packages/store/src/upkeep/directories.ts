// Checks directories before something is copied from one to the other.

import { existsSync, realpathSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { formatLogqlBytes } from '@skald/go-dialect'
import { UpkeepError } from '../errors.ts'
import { wrongPath } from './data-place.ts'

/** @throws UpkeepError when a place is a URL. */
export function refuseUrl(place: string): void {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(place)?.[1]
  if (scheme === undefined) return
  throw wrongPath(
    `${place}: backups are only supported in directories so far, not in ${scheme}://. Name a directory, such as a mounted bucket or another disk`,
  )
}

/** @throws UpkeepError when one directory is the other, or is in it. */
export function checkApart(source: string, target: string): void {
  const [from, to] = [realPathOf(source), realPathOf(target)]
  if (from === to) throw wrongPath(`${source} and ${target} are the same directory`)
  if (to.startsWith(`${from}${sep}`))
    throw wrongPath(`${target} is in ${source}: name another directory`)
  if (from.startsWith(`${to}${sep}`))
    throw wrongPath(`${source} is in ${target}: name another directory`)
}

/** Resolves links, also of a directory that does not exist yet. */
export function realPathOf(path: string): string {
  const full = resolve(path)
  if (existsSync(full)) return realpathSync(full)
  const parent = dirname(full)
  return parent === full ? full : join(realPathOf(parent), basename(full))
}

/**
 * Makes sure that files fit.
 * @throws UpkeepError when the file system of the directory has less room.
 */
export async function checkRoom(
  directory: string,
  files: readonly { readonly sizeBytes: number }[],
): Promise<void> {
  const neededBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const { bavail, bsize } = await statfs(directory)
  const freeBytes = bavail * bsize
  if (neededBytes <= freeBytes) return
  throw new UpkeepError(
    `${directory} has ${formatLogqlBytes(freeBytes)} free, and ${formatLogqlBytes(neededBytes)} are needed: free some space there, or name a directory on another disk`,
  )
}
