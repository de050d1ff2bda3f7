// Finds a file again after it was rotated: among the files of its directory by inode, or by content
// where it was copied or compressed. Also orders the rotated files of a log by age.

import { type BigIntStats, closeSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import {
  hasFingerprint,
  identityKey,
  type OpenedFile,
  openRegularFile,
  readerOf,
} from './file-identity.ts'
import { readGzipHead } from './gzip-content.ts'
import type { FileRecord } from './positions.ts'

// Compressed files that begin alike are told apart by what stands before the position, up to there:
// more than a kubelet writes into one file, and decompressed in a tenth of a second.
const comparedBytesMax = 16 * 1024 * 1024

/** A file beside a log. */
export interface Sibling {
  readonly path: string
  readonly name: string
  readonly stats: BigIntStats
  readonly key: string
  readonly isGzip: boolean
}

/** Lists the regular files of a directory; an unreadable one has none. */
export function listSiblings(directory: string, namePrefix = ''): Sibling[] {
  // A file that is renamed between listing and looking would be missed under both its names.
  for (let looksLeft = 3; ; looksLeft--) {
    const { siblings, hasVanished } = listOnce(directory, namePrefix)
    if (!hasVanished || looksLeft === 1) return siblings
  }
}

function listOnce(
  directory: string,
  namePrefix: string,
): { readonly siblings: Sibling[]; readonly hasVanished: boolean } {
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch {
    // Gone or unreadable: nothing can be found there.
    return { siblings: [], hasVanished: false }
  }
  const siblings: Sibling[] = []
  let hasVanished = false
  for (const name of names) {
    if (!name.startsWith(namePrefix)) continue
    const path = join(directory, name)
    const stats = statSafely(path)
    hasVanished ||= stats === undefined
    if (!stats?.isFile()) continue
    siblings.push({ path, name, stats, key: identityKey(stats), isGzip: name.endsWith('.gz') })
  }
  return { siblings, hasVanished }
}

/** What a record's file and its rotated forms are called, as a rule. */
function stemOf({ foundAt }: Pick<FileRecord, 'foundAt'>): string {
  return basename(foundAt).replace(/\.[^.]*$/, '')
}

/**
 * Lists what may be a record's file now: the files whose names begin alike and, where the caller does not
 * find it among those, all others of its directory. A directory with thousands of logs that are rotated
 * together would otherwise be looked through, file by file, for each of them.
 */
export function* likelySiblings(
  record: Pick<FileRecord, 'foundAt'>,
  list: (namePrefix: string) => readonly Sibling[] = prefix =>
    listSiblings(dirname(record.foundAt), prefix),
): Iterable<readonly Sibling[]> {
  yield list(stemOf(record))
  yield list('')
}

/** Finds a file where it was seen last. */
export function findInPlace(record: FileRecord): FoundFile | undefined {
  const { foundAt: path } = record
  const stats = statSafely(path)
  if (!stats?.isFile() || identityKey(stats) !== `${record.dev}:${record.ino}`) return undefined
  const [name, key] = [basename(path), identityKey(stats)]
  const isGzip = name.endsWith('.gz')
  const self: Sibling = { path, name, stats, key, isGzip }
  return findSame(record, [self])
}

function statSafely(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch {
    // Unreadable counts as not there.
    return undefined
  }
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

/**
 * Finds a file in the directory where it was seen last: the same inode with the same content, else
 * its compressed form, else a copy.
 */
export function findRecord(
  record: FileRecord,
  siblings: readonly Sibling[],
): FoundFile | undefined {
  return findSame(record, siblings) ?? findCopy(record, siblings)
}

function findSame(record: FileRecord, siblings: readonly Sibling[]): FoundFile | undefined {
  const key = `${record.dev}:${record.ino}`
  const same = siblings.find(sibling => sibling.key === key && isBornThen(sibling.stats, record))
  // A record may stand for a compressed file already.
  return same?.isGzip || (same && isSameContent(same.path, record)) ? same : undefined
}

/** Finds the compressed form or a copy of a file; one without a fingerprint has neither. */
export function findCopy(record: FileRecord, siblings: readonly Sibling[]): FoundFile | undefined {
  const { head } = record
  if (!head || head.length === 0) return undefined
  const stem = stemOf(record)
  const alike: Sibling[] = []
  for (const sibling of siblings) {
    if (!sibling.name.startsWith(stem)) continue
    if (sibling.isGzip) {
      const bytes = readGzipHead(sibling.path, head.length)
      if (hasFingerprint((at, length) => bytes.subarray(at, at + length), head)) alike.push(sibling)
    } else if (sibling.key !== `${record.dev}:${record.ino}`) {
      const isOlder = sibling.stats.size < BigInt(record.offset)
      if (!isOlder && isSameContent(sibling.path, record)) return sibling
    }
  }
  return alike.length > 1 ? alike.find(({ path }) => hasTail(path, record)) : alike[0]
}

/** Tells whether compressed content goes on up to the position as the record says, if that is cheap. */
function hasTail(gzipPath: string, { tail }: FileRecord): boolean {
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
 * Lists the rotated files of a log, oldest first: by time in the name, or by number counting down.
 */
export function rotatedSiblings(logPath: string): Sibling[] {
  const base = basename(logPath)
  return listSiblings(dirname(logPath), base)
    .filter(({ name }) => rotatedSuffix.test(name.slice(base.length)))
    .sort((a, b) => compareAge(a.name.slice(base.length), b.name.slice(base.length)))
}

function compareAge(a: string, b: string): number {
  const [x, y] = [a, b].map(suffix => suffix.replace(/\.gz$/, '').slice(1))
  const isNumber = (text: string) => /^\d{1,5}$/.test(text)
  if (isNumber(x!) && isNumber(y!)) return Number(y) - Number(x)
  return x! < y! ? -1 : x! > y! ? 1 : 0
}
