// What makes a file the same file: device and inode, and because inodes are used again, a fingerprint
// of its first bytes and of the bytes before the position.

import { createHash } from 'node:crypto'
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/** A hash over `length` bytes that end at `end`. */
export interface Fingerprint {
  readonly end: number
  readonly length: number
  readonly hash: string
}

/** Reads bytes at a place; gives fewer where the content ends. */
export type ReadAt = (position: number, length: number) => Buffer

/** Device and inode as one text. */
export function identityKey(stats: Pick<BigIntStats, 'dev' | 'ino'>): string {
  return `${stats.dev}:${stats.ino}`
}

/** Makes a reader over an open file. */
export function readerOf(fd: number): ReadAt {
  return (position, length) => {
    const bytes = Buffer.alloc(length)
    return bytes.subarray(0, readSync(fd, bytes, 0, length, position))
  }
}

/** Makes the fingerprint of the `length` bytes before `end`; `undefined` where they are not all there. */
export function fingerprint(readAt: ReadAt, end: number, length: number): Fingerprint | undefined {
  const bytes = readAt(end - length, length)
  if (bytes.length < length) return undefined
  return { end, length, hash: createHash('sha1').update(bytes).digest('base64') }
}

/** Tells whether the content has what the fingerprint was made of. */
export function hasFingerprint(readAt: ReadAt, print: Fingerprint): boolean {
  if (print.length === 0) return true
  return fingerprint(readAt, print.end, print.length)?.hash === print.hash
}

/** An open regular file. */
export interface OpenedFile {
  readonly fd: number
  readonly stats: BigIntStats
}

/**
 * Opens a file to read; gives `undefined`, and opens nothing, where the path leads to anything but a
 * regular file. Never waits, not even for a FIFO's writer.
 *
 * @throws the error of the system.
 */
export function openRegularFile(path: string): OpenedFile | undefined {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants
  const fd = openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
  try {
    const stats = fstatSync(fd, { bigint: true })
    if (stats.isFile()) return { fd, stats }
  } catch (error) {
    closeSync(fd)
    throw error
  }
  closeSync(fd)
  return undefined
}

/** Opens a file like `openRegularFile`; one that is gone, unreadable or a loop of links is not there. */
export function openIfThere(path: string): OpenedFile | undefined {
  try {
    return openRegularFile(path)
  } catch {
    return undefined
  }
}
