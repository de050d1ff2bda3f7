// The list of the files of a backup: `backup.json` in its directory. It is written last, so a backup without one
// is not finished, and an older one stays valid until then.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { UpkeepError } from '../errors.ts'
import { parseSegmentName } from '../segment/name.ts'
import { writeSyncedFile } from './checked-copy.ts'

/** A file of a backup. */
export interface BackupFile {
  readonly name: string
  readonly sizeBytes: number
  /** SHA-256 of its content, in hexadecimal digits. */
  readonly sha256: string
}

/** What a backup has. */
export interface BackupManifest {
  readonly format: 'skald-backup'
  readonly version: 1
  /** When its list of segments was taken, such as `2026-11-30T02:00:00.000Z`. */
  readonly takenAt: string
  /** Data directory of the store, and its host. */
  readonly source: { readonly directory: string; readonly host: string }
  /** The highest number in the name of a segment that the store had entered. */
  readonly mark: number
  /** In the directory of the backup. */
  readonly catalog: BackupFile
  /** In its `segments/`, sorted by name. */
  readonly segments: readonly BackupFile[]
  /** Segments that the catalog has, and whose files were missing in the store or could not be read. */
  readonly missing: readonly string[]
}

/** Name of the list in the directory of a backup. */
export const manifestName = 'backup.json'

function digest(manifest: BackupManifest): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex')
}

/**
 * Reads the list of a backup. Returns `undefined` if there is none.
 * @throws UpkeepError when it is damaged; the system's error when it cannot be read.
 */
export function readManifest(directory: string): BackupManifest | undefined {
  const path = join(directory, manifestName)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const damaged = (why: string, cause?: unknown) =>
    new UpkeepError(`Cannot use the list of the backup, ${path}: ${why}`, {
      code: 'UPKEEP_PATH',
      cause,
    })
  let read: { checksum: unknown; manifest: BackupManifest }
  try {
    read = JSON.parse(text)
  } catch (cause) {
    throw damaged('it is not JSON, so it is damaged', cause)
  }
  const { checksum, manifest } = read ?? {}
  if (manifest?.format !== 'skald-backup') throw damaged('it is not the list of a backup')
  if (manifest.version !== 1)
    throw damaged(`a newer Skald wrote it (version ${manifest.version}), use that one`)
  if (checksum !== digest(manifest)) throw damaged('its checksum is wrong, so it is damaged')
  // Names become paths.
  const isSafe =
    /^catalog-[\w-]+\.sqlite$/.test(manifest.catalog.name) &&
    manifest.segments.every(({ name }) => parseSegmentName(name) !== undefined)
  if (!isSafe) throw damaged('it names files that are no segments')
  return manifest
}

/** Writes the list in place of the one before. Resolves once it is durable. */
export async function writeManifest(directory: string, manifest: BackupManifest): Promise<void> {
  const text = JSON.stringify({ checksum: digest(manifest), manifest }, undefined, 1)
  await writeSyncedFile(join(directory, manifestName), `${text}\n`)
}
