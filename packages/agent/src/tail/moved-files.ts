// Finds files that are not where they were last seen.

import { dirname } from 'node:path'
import { movedLooksMax } from '../limits.ts'
import type { DirectoryList, DirectoryLists } from './directory-list.ts'
import { type FoundFile, findRecord } from './found-file.ts'
import type { FileRecord } from './positions.ts'

/**
 * Finds the files of these records in the directories where they were last seen. Yields no file for a
 * record whose file is nowhere. A file that is being renamed or compressed may escape one search, so it
 * searches several times, with one listing for all files of a directory.
 */
export function* findMoved(
  records: readonly FileRecord[],
  lists: DirectoryLists,
): Generator<{ readonly record: FileRecord; readonly found?: FoundFile }> {
  let missing = records
  for (let look = 0; look < movedLooksMax && missing.length > 0; look++) {
    const listed = new Map<string, DirectoryList>()
    const stillMissing: FileRecord[] = []
    for (const record of missing) {
      const directory = dirname(record.foundAt)
      const list = listed.get(directory) ?? lists.fresh(directory)
      listed.set(directory, list)
      const found = findRecord(record, list)
      if (found) yield { record, found }
      else stillMissing.push(record)
    }
    missing = stillMissing
  }
  for (const record of missing) yield { record }
}
