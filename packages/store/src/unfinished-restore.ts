// Tells a data directory that a restore has not finished. No store may start on it: it would find no catalog, and make one
// that lacks the delete requests of the backup, or has no lines at all.

import { UpkeepError } from './errors.ts'

/** Directory in which a restore puts what is not complete yet. */
export const restoringName = 'restoring'

/**
 * Tells by the names in a data directory whether a restore into it is not finished. The catalog is what a restore puts
 * in place last.
 */
export function hasUnfinishedRestore(names: readonly string[]): boolean {
  return names.includes(restoringName) && !names.includes('catalog.sqlite')
}

/** @throws UpkeepError when a restore into the data directory, which has these names in it, is not finished. */
export function refuseUnfinishedRestore(directory: string, names: readonly string[]): void {
  if (!hasUnfinishedRestore(names)) return
  throw new UpkeepError(
    `${directory} has a restore that is not finished: run skald restore again`,
    { code: 'UPKEEP_PATH' },
  )
}
