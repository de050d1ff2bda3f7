// A file next to a log, as its directory listed it. Examined at most once, on demand.

import { closeSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import {
  type FileStats,
  type Fingerprint,
  hasFingerprint,
  identityKey,
  openRegularFile,
  readerOf,
} from '../files/file-identity.ts'
import { headBytesMax } from '../limits.ts'
import { readGzipHead } from './gzip-content.ts'

/** A name in a directory. */
export class Sibling {
  readonly path: string
  readonly name: string
  #stats: FileStats | 'gone' | 'unusable' | undefined
  #head: Buffer | undefined
  /** By fingerprint: whether the file starts with it. */
  #begins: Map<string, boolean> | undefined

  constructor(path: string) {
    this.path = path
    this.name = basename(path)
  }

  get isGzip(): boolean {
    return this.name.endsWith('.gz')
  }

  #look(): FileStats | 'gone' | 'unusable' {
    this.#stats ??= statSafely(this.path)
    return this.#stats
  }

  /** The file's stats. Absent if it is not a regular file or cannot be examined. */
  get stats(): FileStats | undefined {
    const stats = this.#look()
    return typeof stats === 'string' ? undefined : stats
  }

  /** True if it was renamed or removed before it was examined. */
  get isGone(): boolean {
    return this.#look() === 'gone'
  }

  /** Device and inode. Absent if it is not a regular file. */
  get key(): string | undefined {
    return this.stats && identityKey(this.stats)
  }

  /** Returns true if the content matches at its start. Decompresses a compressed file. */
  beginsWith(head: Fingerprint): boolean {
    this.#begins ??= new Map()
    const known = this.#begins.get(head.hash)
    if (known !== undefined) return known
    this.#head ??= readHead(this)
    const bytes = this.#head
    const does = hasFingerprint((at, length) => bytes.subarray(at, at + length), head)
    this.#begins.set(head.hash, does)
    return does
  }
}

function statSafely(path: string): FileStats | 'gone' | 'unusable' {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (stats === undefined) return 'gone'
    if (!stats.isFile()) return 'unusable'
    // Thousands of names may be remembered, and all fields would take four times the memory.
    const { dev, ino, size, birthtimeMs } = stats
    return { dev, ino, size, birthtimeMs }
  } catch {
    // Unreadable counts as missing.
    return 'unusable'
  }
}

function readHead({ path, isGzip }: Sibling): Buffer {
  if (isGzip) return readGzipHead(path, headBytesMax)
  try {
    const file = openRegularFile(path)
    if (!file) return Buffer.alloc(0)
    try {
      return readerOf(file.fd)(0, headBytesMax)
    } finally {
      closeSync(file.fd)
    }
  } catch {
    // Gone or unreadable.
    return Buffer.alloc(0)
  }
}
