// Copies files so that a copy is whole or absent: under a temporary name, with its checksum, synced, then
// renamed. Reads and writes piece by piece, so memory does not depend on the size of a file.

import { createHash } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { privateFileMode } from '@skald/wire'
import { UpkeepError } from '../errors.ts'
import { copyPieceBytes } from '../limits.ts'

/** End of the names of files that are being written. */
export const unfinishedEnding = '.unfinished'

/** Size and checksum of a content. */
export interface Content {
  readonly sizeBytes: number
  readonly sha256: string
}

/** Called with the bytes of each piece that was read. */
export type OnBytes = (bytes: number) => void

/** Reads a file to its end. @throws the system's error. */
export async function hashFile(path: string, onBytes?: OnBytes): Promise<Content> {
  const file = await open(path, 'r')
  try {
    return await readPieces(file, async piece => onBytes?.(piece.length))
  } catch (error) {
    throw withPath(error, path)
  } finally {
    await file.close()
  }
}

/** Returns the end of a file, at most `bytes`. */
export async function readEnd(path: string, bytes: number): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const length = Math.min(size, bytes)
    const buffer = Buffer.allocUnsafe(length)
    const { bytesRead } = await file.read(buffer, 0, length, size - length)
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    throw withPath(error, path)
  } finally {
    await file.close()
  }
}

/** A place to copy from: its path, or a file that is open already. */
export type CopySource = string | { readonly file: FileHandle; readonly path: string }

export interface CopyOptions {
  readonly onBytes?: OnBytes
  /** Looks at the content before the copy gets its name. If it throws, the copy ends. */
  readonly check?: (content: Content) => void
}

/**
 * Copies a file. The copy survives a power loss once its directory is synced too.
 * @returns what was read from the source.
 * @throws UpkeepError when the disk is full; the system's error. The copy is absent then, or the one before.
 */
export async function copyChecked(
  from: CopySource,
  to: string,
  { onBytes, check }: CopyOptions = {},
): Promise<Content> {
  const source = typeof from === 'string' ? await open(from, 'r') : from.file
  const sourcePath = typeof from === 'string' ? from : from.path
  try {
    return await writeUnfinished(to, async target => {
      const content = await readPieces(
        source,
        async piece => {
          await writeWhole(target, piece)
          onBytes?.(piece.length)
        },
        sourcePath,
      )
      check?.(content)
      return content
    })
  } finally {
    if (typeof from === 'string') await source.close()
  }
}

/** Writes a small file in one go, in place of the one before. Resolves once it is durable. */
export async function writeSyncedFile(path: string, text: string): Promise<void> {
  await writeUnfinished(path, target => writeWhole(target, Buffer.from(text)))
  await syncDirectory(dirname(path))
}

async function writeUnfinished<T>(
  path: string,
  write: (target: FileHandle) => Promise<T>,
): Promise<T> {
  const unfinished = `${path}${unfinishedEnding}`
  try {
    const target = await open(unfinished, 'w', privateFileMode)
    let written: T
    try {
      written = await write(target)
      await target.datasync()
    } finally {
      await target.close()
    }
    await rename(unfinished, path)
    return written
  } catch (error) {
    // The first error is the one to report. What stays is written again the next time.
    await rm(unfinished, { force: true }).catch(() => {})
    throw explainWrite(error, path)
  }
}

/** Syncs the names in a directory. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

async function readPieces(
  file: FileHandle,
  take: (piece: Buffer) => Promise<void>,
  path?: string,
): Promise<Content> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(copyPieceBytes)
  let sizeBytes = 0
  for (;;) {
    const { bytesRead } = await file
      .read(buffer, 0, buffer.length, sizeBytes)
      .catch((error: unknown) => {
        throw path === undefined ? error : withPath(error, path)
      })
    if (bytesRead === 0) break
    const piece = buffer.subarray(0, bytesRead)
    hash.update(piece)
    await take(piece)
    sizeBytes += bytesRead
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}

async function writeWhole(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at)
    at += bytesWritten
  }
}

function withPath(error: unknown, path: string): Error {
  return Object.assign(error as NodeJS.ErrnoException, { path })
}

/** Says what to do about a disk that cannot be written. Errors of writes have no path, so others get it. */
function explainWrite(error: unknown, path: string): Error {
  const { code, path: known } = error as NodeJS.ErrnoException
  if (error instanceof UpkeepError) return error
  const what = `Cannot write ${basename(path)} into ${dirname(path)}`
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new UpkeepError(
      `${what}: the disk is full. Free some space there and run the command again, it continues where it stopped`,
      { cause: error },
    )
  }
  if (code === 'EIO' && known === undefined) {
    return new UpkeepError(
      `${what}: the disk reports an error. Check it and run the command again, or name a directory on another disk`,
      { cause: error },
    )
  }
  return known === undefined && code !== undefined ? withPath(error, path) : (error as Error)
}
