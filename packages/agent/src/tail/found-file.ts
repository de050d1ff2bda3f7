// Finds a known file after it was rotated: by inode or, if it was copied or compressed, by content. Also
// sorts a log's rotated files by age.

import { type BigIntStats, closeSync } from 'node:fs'
import { basename } from 'node:path'
import { ascending } from '@skald/wire'
import {
  type FileStats,
  hasFingerprint,
  identityKey,
  lookerAt,
  type OpenedFile,
  openRegularFile,
} from '../files/file-identity.ts'
import { comparedBytesMax } from '../limits.ts'
import type { DirectoryList } from './directory-list.ts'
import { readGzipHead } from './gzip-content.ts'
import type { FileRecord } from './positions.ts'
import { Sibling } from './sibling.ts'

/** Returns the usual common prefix of a file's name and its rotated forms. */
export function stemOf({ foundAt }: Pick<FileRecord, 'foundAt'>): string {
  return basename(foundAt).replace(/\.[^.]*$/, '')
}

/** Looks for a file where it was last seen. */
export function findInPlace(record: FileRecord): FoundFile | undefined {
  return asFound(findSame(record, [new Sibling(record.foundAt)]))
}

/** Returns a file's size if, by device, inode and birth time, it is still where it was last seen. */
export function sizeInPlace(record: FileRecord): number | undefined {
  const { stats } = new Sibling(record.foundAt)
  return stats && isInodeOf(stats, record) ? Number(stats.size) : undefined
}

/** The current place of a known file. */
export interface FoundFile {
  readonly path: string
  readonly isGzip: boolean
  readonly stats: FileStats
}

/** Returns the place of a file from its record. */
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

/** Returns true if an inode has the record's birth time. Unknown times count as equal. */
export function isBornThen(
  stats: Pick<BigIntStats, 'birthtimeMs'>,
  record: Pick<FileRecord, 'inodeBirthMs'>,
): boolean {
  const birthMs = Number(stats.birthtimeMs)
  return birthMs <= 0 || record.inodeBirthMs <= 0 || birthMs === record.inodeBirthMs
}

/** Returns true if an inode is the one last seen for a record's file. */
export function isInodeOf(stats: FileStats, record: FileRecord): boolean {
  return identityKey(stats) === recordKey(record) && isBornThen(stats, record)
}

/** Returns device and inode of a record's file as one string. */
export function recordKey({ dev, ino }: Pick<FileRecord, 'dev' | 'ino'>): string {
  return `${dev}:${ino}`
}

/**
 * Finds a file in the directory where it was last seen: the same inode with the same content, or else its
 * compressed form, or else a copy. Checks similar names first, because checking all files of a directory
 * with thousands of rotated files is slow.
 */
export function findRecord(record: FileRecord, list: DirectoryList): FoundFile | undefined {
  const alike = list.withPrefix(stemOf(record))
  const near = findSame(record, alike) ?? findCopyAmong(record, alike)
  if (near) return asFound(near)
  const moved = list.withKey(recordKey(record))
  return asFound(moved && findSame(record, [moved]))
}

/** Finds the compressed form or a copy of a file. Without a fingerprint it finds neither. */
export function findCopy(record: FileRecord, list: DirectoryList): FoundFile | undefined {
  return asFound(findCopyAmong(record, list.withPrefix(stemOf(record))))
}

/** Returns true if a file with a similar name is the compressed form or a copy of a record's file. */
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
  // The record's file may already be a compressed one.
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

/** Returns true if compressed content matches the record up to its position, if checking that is cheap. */
export function hasTail(gzipPath: string, { tail }: FileRecord): boolean {
  if (!tail || tail.end > comparedBytesMax) return true
  const content = readGzipHead(gzipPath, tail.end)
  return hasFingerprint((at, length) => content.subarray(at, at + length), tail)
}

/** Returns true if an open file matches the record at its start and up to its position. */
export function hasContent({ fd, stats }: OpenedFile, record: FileRecord): boolean {
  if (stats.size < BigInt(record.offset)) return false
  const readAt = lookerAt(fd)
  return [record.head, record.tail].every(print => !print || hasFingerprint(readAt, print))
}

/** Returns the same for the file at a path. */
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

// `.1`, `.20240102-030405`, `-20240102`, `.2024-01-02.log`, with or without .gz.
const rotatedSuffix = /^[.-][\d][\dTZ_.:-]*(\.log)?(\.gz)?$/

/** Returns a log's rotated files, oldest first: by the time in the name, or by number, counting down. */
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
