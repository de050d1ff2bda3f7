// The positions file: Promtail's YAML, path to offset, with everything else known about each file in
// comments. Promtail can still read it, and we can read Promtail's. It is always written whole: temporary
// file, fsync, rename.
//
//   positions:
//     "/var/log/pods/ns_pod_uid/c/0.log": "12345"
//   # file {"id":"...","job":"...","path":"...","dev":"...","ino":"...","offset":12345,...}
//   # searched 1795186424222

import { readFileSync } from 'node:fs'
import { parseYaml } from '@skald/config-reading'
import { PositionsError } from '../errors.ts'
import type { Fingerprint } from '../files/file-identity.ts'
import { writeWhole } from '../files/whole-file.ts'

/** Everything to remember about a file that is or was read. */
export interface FileRecord {
  /** The file's stable name across restarts, and the key of its times in the journal. */
  readonly id: string
  /** The client and job that read it. */
  readonly scope: string
  /** The path it was found under, which its lines carry as a label. */
  readonly path: string
  /** Where the file itself was last seen, with links resolved. */
  foundAt: string
  dev: string
  ino: string
  /** Birth time in ms, 0 if the file system has none. Of the log itself, not of a copy. */
  readonly birthMs: number
  /** The same for the inode where it was last seen. */
  inodeBirthMs: number
  /** Order in which the files of one path were found. */
  readonly order: number
  /** Everything before it is settled. */
  offset: number
  /** True if the file was read to its end and released. */
  isFinished?: boolean
  /** Its size when it was last seen. Absent for compressed files. */
  size?: number
  /** True if the damage of a compressed file was reported. */
  isDamaged?: boolean
  /** True if the offset counts lines: a compressed file of a job with `decompression`. */
  readonly countsLines?: boolean
  head: Fingerprint | undefined
  tail: Fingerprint | undefined
}

/** The content of a positions file. */
export interface SavedPositions {
  readonly records: FileRecord[]
  /** Path to value as text, as written by Promtail. */
  readonly byPath: ReadonlyMap<string, string>
  /** When the search began that found all these files. Absent if unknown. */
  readonly searchedMs?: number
}

const recordMark = '# file '
const recordLines = new RegExp(`^${recordMark}.*`, 'gm')
const searchedMark = '# searched '

/**
 * Reads a positions file. A missing file is empty.
 *
 * @throws PositionsError if it cannot be read or is not YAML.
 */
export function loadPositions(path: string): SavedPositions {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return { records: [], byPath: new Map() }
    const message = `Cannot read positions file ${path}: ${(error as Error).message}`
    throw new PositionsError(message, { path, cause: error })
  }
  // Skip the YAML parser for comments, of which there may be tens of thousands.
  const { root, problems } = parseYaml(text.replaceAll(recordLines, ''))
  const raw = problems.length === 0 ? root.record({ positions: cursor => cursor }) : {}
  const byPath = new Map<string, string>()
  for (const { key, value } of raw.positions?.pairs() ?? []) byPath.set(key, value.scalarText ?? '')
  const [first] = problems
  if (first) {
    throw new PositionsError(
      `Cannot read positions file ${path}:${first.line}:${first.column}: ${first.message}`,
      { path, isTorn: true },
    )
  }
  const searched = new RegExp(`^${searchedMark}(\\d+)$`, 'm').exec(text)
  const searchedMs = searched ? { searchedMs: Number(searched[1]) } : {}
  return { records: readRecords(text), byPath, ...searchedMs }
}

/**
 * Reads the intact parts of a positions file that is not valid YAML: its records, and its paths line by
 * line.
 *
 * @throws the system's error if it cannot be read.
 */
export function salvagePositions(path: string): SavedPositions {
  const text = readFileSync(path, 'utf8')
  const byPath = new Map<string, string>()
  for (const [, key, value] of text.matchAll(
    /^ {2}("(?:[^"\\\n]|\\.)*"|[^\s"#:][^"\n]*): (".*"|\d+)\n/gm,
  )) {
    try {
      const read = (part: string) => (part.startsWith('"') ? (JSON.parse(part) as string) : part)
      byPath.set(read(key!), read(value!))
    } catch {
      // Not intact either.
    }
  }
  const records = readRecords(text)
  // A path whose line is lost gets the position of its newest file.
  const newest = records
    .toSorted((a, b) => a.order - b.order)
    .map(({ path: of, offset }) => [of, String(offset)] as const)
  return { records, byPath: new Map([...newest, ...byPath]) }
}

function readRecords(text: string): FileRecord[] {
  const records: FileRecord[] = []
  for (const line of text.split('\n')) {
    if (!line.startsWith(recordMark)) continue
    try {
      const record = JSON.parse(line.slice(recordMark.length)) as FileRecord
      if (isRecord(record)) records.push(record)
    } catch {
      // Somebody edited the comment. The path's own entry still counts.
    }
  }
  return records
}

function isRecord(value: Partial<FileRecord> | null): value is FileRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof value.id === 'string' &&
    typeof value.scope === 'string' &&
    typeof value.path === 'string' &&
    typeof value.foundAt === 'string' &&
    typeof value.dev === 'string' &&
    typeof value.ino === 'string' &&
    Number.isSafeInteger(value.offset) &&
    value.offset! >= 0
  )
}

/** Returns the text of a positions file for files and cursors. */
export function positionsText({
  byPath,
  records,
}: Pick<SavedPositions, 'byPath' | 'records'>): string {
  const lines = [byPath.size === 0 ? 'positions: {}' : 'positions:']
  for (const [file, offset] of byPath) {
    lines.push(`  ${JSON.stringify(file)}: ${JSON.stringify(offset)}`)
  }
  for (const record of records) lines.push(recordMark + JSON.stringify(record))
  return `${lines.join('\n')}\n`
}

/** Writes a positions file. Once this returns, the content survives a power loss. */
export function savePositions(path: string, text: string, searchedMs: number): void {
  writeWhole(path, `${text}${searchedMark}${searchedMs}\n`)
}
