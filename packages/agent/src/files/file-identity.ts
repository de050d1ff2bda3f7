// What identifies a file: device and inode and, because inodes are reused, a fingerprint of its first bytes
// and of the bytes before the position.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { lookedBytesMax } from '../limits.ts'

/** What is remembered of a file's stats. */
export type FileStats = Pick<BigIntStats, 'dev' | 'ino' | 'size' | 'birthtimeMs'>

/** A hash of the `length` bytes that end at `end`. */
export interface Fingerprint {
  readonly end: number
  readonly length: number
  readonly hash: string
}

/** Reads bytes at a position. Returns fewer at the end of the content. */
export type ReadAt = (position: number, length: number) => Buffer

/** Returns device and inode as one string. */
export function identityKey(stats: Pick<BigIntStats, 'dev' | 'ino'>): string {
  return `${stats.dev}:${stats.ino}`
}

/** Makes a reader of an open file. */
export function readerOf(fd: number): ReadAt {
  return (position, length) => {
    const bytes = Buffer.alloc(length)
    return bytes.subarray(0, readSync(fd, bytes, 0, length, position))
  }
}

/** Memory for bytes that are only looked at. */
const looked = Buffer.allocUnsafeSlow(lookedBytesMax)

/**
 * Makes a reader of an open file for bytes that are only looked at: up to `lookedBytesMax`, and valid
 * until any such reader reads again. It leaves nothing to the garbage collector.
 */
export function lookerAt(fd: number): ReadAt {
  return (position, length) => {
    assert(length <= looked.length)
    return looked.subarray(0, readSync(fd, looked, 0, length, position))
  }
}

/** Returns the fingerprint of the `length` bytes before `end`, or `undefined` if some are missing. */
export function fingerprint(readAt: ReadAt, end: number, length: number): Fingerprint | undefined {
  const bytes = readAt(end - length, length)
  if (bytes.length < length) return undefined
  return { end, length, hash: createHash('sha1').update(bytes).digest('base64') }
}

/** Returns true if the content matches the fingerprint. */
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
 * Opens a regular file for reading. Returns `undefined`, without opening anything, if the path leads to
 * anything else. Never blocks, not even on a FIFO.
 *
 * @throws the system's error.
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

/**
 * Opens a file like `openRegularFile`, but returns `undefined` if it is gone, unreadable or a loop of
 * links.
 */
export function openIfThere(path: string): OpenedFile | undefined {
  try {
    return openRegularFile(path)
  } catch {
    return undefined
  }
}
