// The positions file: Promtail's YAML, path to offset, and in comments what else is known of each
// file, so that Promtail can still read it and we can read Promtail's. Written as a whole: to a
// temporary file, fsync, rename.
//
//   positions:
//     "/var/log/pods/ns_pod_uid/c/0.log": "12345"
//   # file {"id":"...","job":"...","path":"...","dev":"...","ino":"...","offset":12345,...}
//   # searched 1795186424222

import { readFileSync } from 'node:fs'
import { parseYaml } from '../config-reading/yaml-cursor.ts'
import { PositionsError } from '../errors.ts'
import type { Fingerprint } from '../files/file-identity.ts'
import { writeWhole } from '../files/whole-file.ts'

/** What is remembered of a file that is or was read. */
export interface FileRecord {
  /** Stable name of the file over restarts; key of its times in the journal. */
  readonly id: string
  /** Client and job that read it. */
  readonly scope: string
  /** Path it was found under, which its lines carry as label. */
  readonly path: string
  /** Where the file itself was seen last, links resolved. */
  foundAt: string
  dev: string
  ino: string
  /** Time of birth in ms, 0 where the file system has none; that of the log, not of a copy of it. */
  readonly birthMs: number
  /** The same of the inode where it was seen last. */
  inodeBirthMs: number
  /** Order in which files of one path were found. */
  readonly order: number
  /** Everything before it is settled. */
  offset: number
  /** Read to its end and let go. */
  isFinished?: boolean
  /** The offset counts lines: it is a compressed file of a job with `decompression`. */
  readonly countsLines?: boolean
  head: Fingerprint | undefined
  tail: Fingerprint | undefined
}

/** What a positions file says. */
export interface SavedPositions {
  readonly records: FileRecord[]
  /** Path to value as text, as Promtail writes it. */
  readonly byPath: ReadonlyMap<string, string>
  /** When the search began that all these files were found by; absent where nobody knows. */
  readonly searchedMs?: number
}

const recordMark = '# file '
const recordLines = new RegExp(`^${recordMark}.*`, 'gm')
const searchedMark = '# searched '

/**
 * Reads a positions file; one that does not exist is empty.
 *
 * @throws PositionsError when it cannot be read or is no YAML.
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
  // Comments, of which there may be tens of thousands, are no YAML that anybody needs to parse.
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
 * Reads what is whole in a positions file that is no YAML: its records, and its paths line by line.
 *
 * @throws the system's error when it cannot be read.
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
      // Not whole either.
    }
  }
  const records = readRecords(text)
  // A path whose line is lost stands where its newest file does.
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
      // A comment that somebody edited: the path entry still holds.
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

/** What a positions file says of files and cursors. */
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

/** Writes a positions file; when it returns, the content survives a loss of power. */
export function savePositions(path: string, text: string, searchedMs: number): void {
  writeWhole(path, `${text}${searchedMark}${searchedMs}\n`)
}
