// How far an import has come, in a file, so that it goes on where it was stopped.

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { ImportError } from '../errors.ts'

/** What is being imported, and up to where it is done. Times are nanoseconds, as text. */
export interface ImportProgress {
  readonly from: string
  readonly to: string
  readonly query: string
  readonly startNs: string
  readonly endNs: string
  /** Everything before this time was pushed and answered. */
  readonly doneNs: string
  readonly entries: number
  /** Of these, entries of the last `overlapNs` before the end, which are read once more when the import is repeated. */
  readonly lateEntries?: number
}

/**
 * Reads the file; undefined when there is none.
 *
 * @throws ImportError when it is no such file.
 */
export function loadProgress(path: string): ImportProgress | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const progress = JSON.parse(text) as ImportProgress
    for (const time of [progress.startNs, progress.endNs, progress.doneNs]) BigInt(time)
    return progress
  } catch (cause) {
    throw new ImportError(`${path} does not hold the progress of an import; name another --state`, {
      cause,
    })
  }
}

/** Replaces the file; a crash leaves the old or the new one. */
export function saveProgress(path: string, progress: ImportProgress): void {
  const next = `${path}.new`
  writeFileSync(next, `${JSON.stringify(progress, null, 2)}\n`)
  renameSync(next, path)
}
