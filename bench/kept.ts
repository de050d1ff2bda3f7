// What a kept directory says of an earlier run: which server has stored the load, and what that cost.

import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { IngestResult } from './ingest.ts'

/** A kept directory does not fit the command line. */
export class KeptDataError extends Error {
  override readonly name = 'KeptDataError'
}

/** Reads what ingest cost when `name` stored the load. Returns undefined if it has not. */
export async function readPushed(keepDir: string, name: string): Promise<IngestResult | undefined> {
  try {
    return JSON.parse(await readFile(pathOf(keepDir, name), 'utf8')) as IngestResult
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Notes that `name` has stored the load, and at what cost. */
export async function writePushed(
  keepDir: string,
  name: string,
  ingest: IngestResult,
): Promise<void> {
  await writeFile(pathOf(keepDir, name), JSON.stringify(ingest))
}

/**
 * Refuses a directory that a run has left without finishing: pushing again would store some lines
 * twice.
 * @throws KeptDataError if the directory exists.
 */
export function refuseHalf(dataDir: string): void {
  if (!existsSync(dataDir)) return
  throw new KeptDataError(`${dataDir} is from a run that did not finish: remove it`)
}

function pathOf(keepDir: string, name: string): string {
  return join(keepDir, `${name}-pushed.json`)
}
