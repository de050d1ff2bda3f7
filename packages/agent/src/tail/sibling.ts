// A file beside a log, as it was when its directory was listed. Looked at when somebody asks, and once.

import { type BigIntStats, closeSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import {
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
  #stats: BigIntStats | 'gone' | 'unusable' | undefined
  #head: Buffer | undefined
  /** Fingerprints of the first bytes by whether the file has them. */
  readonly #begins = new Map<string, boolean>()

  constructor(path: string) {
    this.path = path
    this.name = basename(path)
  }

  get isGzip(): boolean {
    return this.name.endsWith('.gz')
  }

  #look(): BigIntStats | 'gone' | 'unusable' {
    this.#stats ??= statSafely(this.path)
    return this.#stats
  }

  /** Present for a regular file that can be looked at. */
  get stats(): BigIntStats | undefined {
    const stats = this.#look()
    return typeof stats === 'string' ? undefined : stats
  }

  /** It was renamed or removed before anybody looked. */
  get isGone(): boolean {
    return this.#look() === 'gone'
  }

  /** Device and inode; absent for what is no regular file. */
  get key(): string | undefined {
    return this.stats && identityKey(this.stats)
  }

  /** Tells whether the content, that of a compressed file decompressed, begins so. */
  beginsWith(head: Fingerprint): boolean {
    const known = this.#begins.get(head.hash)
    if (known !== undefined) return known
    this.#head ??= readHead(this)
    const bytes = this.#head
    const does = hasFingerprint((at, length) => bytes.subarray(at, at + length), head)
    this.#begins.set(head.hash, does)
    return does
  }
}

function statSafely(path: string): BigIntStats | 'gone' | 'unusable' {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (stats === undefined) return 'gone'
    return stats.isFile() ? stats : 'unusable'
  } catch {
    // Unreadable counts as not there.
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
