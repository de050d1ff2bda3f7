// Where a known file is now: finds it again after it was rotated, by inode or, where it was copied or
// compressed, by content. Also orders the rotated files of a log by age.

import { type BigIntStats, closeSync } from 'node:fs'
import { basename } from 'node:path'
import { ascending } from '@skald/wire'
import {
  hasFingerprint,
  identityKey,
  type OpenedFile,
  openRegularFile,
  readerOf,
} from '../files/file-identity.ts'
import { comparedBytesMax } from '../limits.ts'
import type { DirectoryList } from './directory-list.ts'
import { readGzipHead } from './gzip-content.ts'
import type { FileRecord } from './positions.ts'
import { Sibling } from './sibling.ts'

/** What a record's file and its rotated forms are called, as a rule. */
export function stemOf({ foundAt }: Pick<FileRecord, 'foundAt'>): string {
  return basename(foundAt).replace(/\.[^.]*$/, '')
}

/** Finds a file where it was seen last. */
export function findInPlace(record: FileRecord): FoundFile | undefined {
  return asFound(findSame(record, [new Sibling(record.foundAt)]))
}

/**
 * Tells whether a file is where it was seen last, as far as device, inode and time of birth tell; its
 * size then.
 */
export function sizeInPlace(record: FileRecord): number | undefined {
  const { stats } = new Sibling(record.foundAt)
  return stats && isInodeOf(stats, record) ? Number(stats.size) : undefined
}

/** Where a known file is now. */
export interface FoundFile {
  readonly path: string
  readonly isGzip: boolean
  readonly stats: BigIntStats
}

/** What a record says of where a file is. */
export function placeOf({
  path,
  stats,
}: Pick<FoundFile, 'path' | 'stats'>): Pick<
  FileRecord,
  'foundAt' | 'dev' | 'ino' | 'inodeBirthMs'
> {
  const [dev, ino] = [String(stats.dev), String(stats.ino)]
  return { foundAt: path, dev, ino, inodeBirthMs: Number(stats.birthtimeMs) }
}

/** Tells whether an inode was born when the record's was; unknown births count as equal. */
export function isBornThen(
  stats: Pick<BigIntStats, 'birthtimeMs'>,
  record: Pick<FileRecord, 'inodeBirthMs'>,
): boolean {
  const birthMs = Number(stats.birthtimeMs)
  return birthMs <= 0 || record.inodeBirthMs <= 0 || birthMs === record.inodeBirthMs
}

/** Tells whether an inode is the one where a record's file was seen last. */
export function isInodeOf(stats: BigIntStats, record: FileRecord): boolean {
  return identityKey(stats) === recordKey(record) && isBornThen(stats, record)
}

/** Device and inode of a record's file as one text. */
export function recordKey({ dev, ino }: Pick<FileRecord, 'dev' | 'ino'>): string {
  return `${dev}:${ino}`
}

/**
 * Finds a file in the directory where it was seen last: the same inode with the same content, else
 * its compressed form, else a copy. Names that begin alike come first: looking at all others of a
 * directory with thousands of files takes long.
 */
export function findRecord(record: FileRecord, list: DirectoryList): FoundFile | undefined {
  const alike = list.withPrefix(stemOf(record))
  const near = findSame(record, alike) ?? findCopyAmong(record, alike)
  if (near) return asFound(near)
  const moved = list.withKey(recordKey(record))
  return asFound(moved && findSame(record, [moved]))
}

/** Finds the compressed form or a copy of a file; one without a fingerprint has neither. */
export function findCopy(record: FileRecord, list: DirectoryList): FoundFile | undefined {
  return asFound(findCopyAmong(record, list.withPrefix(stemOf(record))))
}

/** Tells whether a file is the compressed form or a copy of a record's, which is called alike. */
export function isCopy(record: FileRecord, sibling: Sibling): boolean {
  return findCopyAmong(record, [sibling]) !== undefined
}

function asFound(sibling: Sibling | undefined): FoundFile | undefined {
  if (!sibling?.stats) return undefined
  const { path, isGzip, stats } = sibling
  return { path, isGzip, stats }
}

function findSame(record: FileRecord, siblings: readonly Sibling[]): Sibling | undefined {
  const same = siblings.find(({ stats }) => stats && isInodeOf(stats, record))
  // A record may stand for a compressed file already.
  return same?.isGzip || (same && isSameContent(same.path, record)) ? same : undefined
}

function findCopyAmong(record: FileRecord, siblings: readonly Sibling[]): Sibling | undefined {
  const { head } = record
  if (!head || head.length === 0) return undefined
  const alike: Sibling[] = []
  for (const sibling of siblings) {
    const { stats } = sibling
    if (!stats) continue
    if (sibling.isGzip) {
      if (sibling.beginsWith(head)) alike.push(sibling)
    } else if (identityKey(stats) !== recordKey(record)) {
      const isOlder = stats.size < BigInt(record.offset)
      const mayBe = !isOlder && sibling.beginsWith(head)
      if (mayBe && isSameContent(sibling.path, record)) return sibling
    }
  }
  return alike.length > 1 ? alike.find(({ path }) => hasTail(path, record)) : alike[0]
}

/** Tells whether compressed content goes on up to the position as the record says, if that is cheap. */
export function hasTail(gzipPath: string, { tail }: FileRecord): boolean {
  if (!tail || tail.end > comparedBytesMax) return true
  const content = readGzipHead(gzipPath, tail.end)
  return hasFingerprint((at, length) => content.subarray(at, at + length), tail)
}

/** Tells whether an open file begins, and goes on up to the position, as the record says. */
export function hasContent({ fd, stats }: OpenedFile, record: FileRecord): boolean {
  if (stats.size < BigInt(record.offset)) return false
  const readAt = readerOf(fd)
  return [record.head, record.tail].every(print => !print || hasFingerprint(readAt, print))
}

/** The same of the file that a path leads to. */
function isSameContent(path: string, record: FileRecord): boolean {
  try {
    const file = openRegularFile(path)
    if (!file) return false
    try {
      return hasContent(file, record)
    } finally {
      closeSync(file.fd)
    }
  } catch {
    // Gone or unreadable.
    return false
  }
}

// `.1`, `.20240102-030405`, `-20240102`, `.2024-01-02.log`; with or without .gz.
const rotatedSuffix = /^[.-][\d][\dTZ_.:-]*(\.log)?(\.gz)?$/

/**
 * Finds the rotated files of a log, oldest first: by time in the name, or by number counting down.
 */
export function rotatedSiblings(logPath: string, list: DirectoryList): Sibling[] {
  const base = basename(logPath)
  return list
    .withPrefix(base)
    .filter(({ name }) => rotatedSuffix.test(name.slice(base.length)))
    .sort((a, b) => compareAge(a.name.slice(base.length), b.name.slice(base.length)))
}

function compareAge(a: string, b: string): number {
  const [x, y] = [a, b].map(suffix => suffix.replace(/\.gz$/, '').slice(1))
  const isNumber = (text: string) => /^\d{1,5}$/.test(text)
  if (isNumber(x!) && isNumber(y!)) return Number(y) - Number(x)
  return ascending(x!, y!)
}
