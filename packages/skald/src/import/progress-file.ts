// The progress of an import, in a file, so that a stopped import can continue.

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { ImportError } from '../errors.ts'

/** An import and its progress. Times are nanoseconds, as text. */
export interface ImportProgress {
  readonly from: string
  readonly to: string
  readonly query: string
  readonly startNs: string
  readonly endNs: string
  /** All lines before this time are pushed and acknowledged. */
  readonly doneNs: string
  readonly entries: number
  /** Entries of the last `overlapNs` before the end. A repeated import reads them again. */
  readonly lateEntries?: number
}

/**
 * Reads the file. Returns undefined if there is none.
 *
 * @throws ImportError if the file is not a progress file.
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

/** Replaces the file. A crash leaves either the old or the new one. */
export function saveProgress(path: string, progress: ImportProgress): void {
  const next = `${path}.new`
  writeFileSync(next, `${JSON.stringify(progress, null, 2)}\n`)
  renameSync(next, path)
}
