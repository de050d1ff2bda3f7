// Finds the parts of a data directory, or of a backup, which is laid out like one.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { UpkeepError } from '../errors.ts'
import { refuseUnfinishedRestore } from '../unfinished-restore.ts'
import { type BackupManifest, readManifest } from './manifest.ts'

/** Where segments and catalog are. */
export interface DataPlace {
  readonly directory: string
  readonly segmentsDir: string
  /** Where the catalog is, or would be. */
  readonly catalogPath: string
  /** The list of the backup, if it is one. */
  readonly manifest: BackupManifest | undefined
}

/**
 * Finds the parts of a directory.
 * @throws UpkeepError when it is neither a data directory nor a backup; the system's error when it cannot be read.
 */
export function findDataPlace(directory: string): DataPlace {
  const found = statSync(directory, { throwIfNoEntry: false })
  if (!found) throw wrongPath(`${directory} does not exist`)
  if (!found.isDirectory()) throw wrongPath(`${directory} is a file, not a data directory`)
  const names = readdirSync(directory)
  const segmentsDir = join(directory, 'segments')
  const manifest = readManifest(directory)
  if (manifest) {
    return { directory, segmentsDir, catalogPath: join(directory, manifest.catalog.name), manifest }
  }
  refuseUnfinishedRestore(directory, names)
  if (names.includes('bucket.json')) {
    const { place } = JSON.parse(readFileSync(join(directory, 'bucket.json'), 'utf8'))
    throw wrongPath(
      `most segments of ${directory} are in ${place}, and this command reads local files only: the bucket has the segments and the catalog, see docs/bucket.md`,
    )
  }
  const catalogPath = join(directory, 'catalog.sqlite')
  if (!names.includes('segments') && !existsSync(catalogPath)) {
    throw wrongPath(
      `${directory} is no data directory of a store: it has neither segments nor a catalog. It is common.path_prefix in the store's configuration`,
    )
  }
  return { directory, segmentsDir, catalogPath, manifest: undefined }
}

/** A file in the directory of segments. */
export interface ListedFile {
  readonly name: string
  readonly sizeBytes: number
}

/** Lists the files of a directory, sorted by name; none if it does not exist. */
export function listFiles(directory: string): ListedFile[] {
  if (!existsSync(directory)) return []
  const files: ListedFile[] = []
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    // A store deletes files at any time.
    const found = statSync(join(directory, entry.name), { throwIfNoEntry: false })
    if (found) files.push({ name: entry.name, sizeBytes: found.size })
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Makes the error of a path that the user named. */
export function wrongPath(message: string): UpkeepError {
  return new UpkeepError(message, { code: 'UPKEEP_PATH' })
}
