// Reads the catalog's file without changing it, also while a store works with it. The tools for
// operators use it. Each read is one transaction, so a long check does not keep the store from
// shortening its log.

import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import Database from 'better-sqlite3'
import { catalogPagesKib } from '../limits.ts'
import type { CatalogPart, EnteredMarks, SegmentInfo } from './catalog.ts'
import type { DeleteRequest } from './delete-requests.ts'
import type { KeptGroup } from './kept-rules.ts'
import { migrations } from './migrations.ts'
import { checkSeal } from './seal.ts'
import { deleteColumns } from './sqlite-delete-requests.ts'

/** The first version of the tables that has everything that is read here. */
const oldestVersion = 4

/** More pages than any catalog has, so that one transaction copies all. A commit in between would restart the copy. */
const allPages = 2 ** 30

/** A segment as the catalog has it. */
export interface KnownSegment {
  readonly level: number
  readonly sequence: number
  readonly version: number
  readonly sizeBytes: number
  /** Sorted by tenant, then day. Without streams. */
  readonly parts: readonly Omit<CatalogPart, 'streams'>[]
}

/** What the catalog says about a segment, all at one moment. */
export interface SegmentView {
  readonly segment: KnownSegment
  /** Returns true if the catalog has another segment too. */
  has(name: string): boolean
  /** Returns true if the catalog finds a stream in this whole time; both ends are inclusive. */
  findsStream(part: { tenant: string; day: number }, stream: StreamTimes): boolean
}

/** A stream and when it was active on a day. */
export interface StreamTimes {
  readonly labelsText: string
  readonly minNs: bigint
  readonly maxNs: bigint
}

/**
 * Opens a catalog to read it. If its directory cannot be written, as on a read-only mount, it reads
 * a copy in the system's directory for temporary files.
 * @throws SqliteError when the file is damaged or missing; RangeError when another version wrote it.
 */
export function openCatalogReader(path: string): CatalogReader {
  try {
    return open(path, () => {})
  } catch (error) {
    const { code = '' } = error as { code?: string }
    if (!existsSync(path) || !/^SQLITE_(CANTOPEN|READONLY)/.test(code)) throw error
    return openCopy(path)
  }
}

function openCopy(path: string): CatalogReader {
  const dir = mkdtempSync(join(tmpdir(), 'skald-catalog-'))
  const remove = () => rmSync(dir, { recursive: true, force: true })
  try {
    const copy = join(dir, basename(path))
    copyFileSync(path, copy)
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`)
    return open(copy, remove)
  } catch (error) {
    remove()
    throw error
  }
}

function open(path: string, onClose: () => void): CatalogReader {
  const database = new Database(path, { readonly: true, fileMustExist: true })
  try {
    database.pragma(`cache_size = -${catalogPagesKib}`)
    checkSeal(database)
    const version = database.pragma('user_version', { simple: true }) as number
    if (version > migrations.length) {
      throw new RangeError(
        `Cannot open catalog ${path}: version ${version} is newer than this program`,
      )
    }
    if (version < oldestVersion) {
      throw new RangeError(
        `Cannot open catalog ${path}: version ${version} is of an older Skald; start the store once to upgrade it`,
      )
    }
    return new CatalogReader(database, onClose)
  } catch (error) {
    database.close()
    throw error
  }
}

function prepare(database: Database.Database) {
  return {
    segments: database.prepare(
      `SELECT name, level, sequence, size_bytes AS sizeBytes, created_ms AS createdMs
       FROM segments ORDER BY sequence, name`,
    ),
    marks: database.prepare(
      `SELECT (SELECT value FROM marks WHERE name = 'level0') AS level0,
              (SELECT value FROM marks WHERE name = 'compacted') AS compacted`,
    ),
    lost: database.prepare('SELECT name FROM lost_segments ORDER BY name').pluck(),
    dropped: database.prepare('SELECT name FROM dropped_segments ORDER BY name').pluck(),
    deletes: database.prepare(
      `SELECT ${deleteColumns} FROM delete_requests ORDER BY created_ms, number`,
    ),
    has: database.prepare('SELECT 1 FROM segments WHERE name = ?').pluck(),
    segment: database.prepare(
      `SELECT id, level, sequence, version, size_bytes AS sizeBytes FROM segments WHERE name = ?`,
    ),
    parts: database
      .prepare(
        `SELECT tenant, day, min_ns AS minNs, max_ns AS maxNs, row_count AS rowCount,
                line_bytes AS lineBytes
         FROM segment_parts WHERE segment_id = ? ORDER BY tenant, day`,
      )
      .safeIntegers(true),
    stream: database
      .prepare(
        `SELECT 1 FROM streams JOIN stream_days ON stream_id = id
         WHERE tenant = ? AND labels = ? AND day = ? AND min_ns <= ? AND max_ns >= ?`,
      )
      .pluck(),
  }
}

/** A catalog that is open for reading. */
export class CatalogReader {
  readonly #database: Database.Database
  readonly #onClose: () => void
  readonly #sql: ReturnType<typeof prepare>

  constructor(database: Database.Database, onClose: () => void) {
    this.#database = database
    this.#onClose = onClose
    this.#sql = prepare(database)
  }

  /** Returns the faults of the file that SQLite finds, at most `count`; none if it is sound. */
  faults(count: number): string[] {
    const rows = this.#database.pragma(`integrity_check(${count})`) as { integrity_check: string }[]
    return rows.map(row => row.integrity_check.replaceAll('\n', ' ')).filter(text => text !== 'ok')
  }

  /** Returns all segments, oldest sequence first. */
  segments(): SegmentInfo[] {
    return this.#sql.segments.all() as SegmentInfo[]
  }

  has(name: string): boolean {
    return this.#sql.has.get(name) !== undefined
  }

  /** The highest numbers of segments that were entered, without those that delete requests know. */
  marks(): EnteredMarks {
    return this.#sql.marks.get() as EnteredMarks
  }

  /** Returns the segments whose files were missing at a start. */
  lost(): string[] {
    return this.#sql.lost.all() as string[]
  }

  /** Returns the replaced segments whose files may still exist. */
  dropped(): string[] {
    return this.#sql.dropped.all() as string[]
  }

  /** Returns the delete requests of all tenants, oldest first. */
  deleteRequests(): DeleteRequest[] {
    return this.#sql.deletes.all() as DeleteRequest[]
  }

  /** Returns the groups of rules made by API; none if the catalog is older than they are. */
  ruleGroups(): KeptGroup[] {
    const isThere = this.#database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'rule_groups'")
    if (isThere.get() === undefined) return []
    return this.#database
      .prepare('SELECT tenant, namespace, name, text FROM rule_groups ORDER BY number')
      .all() as KeptGroup[]
  }

  /** Copies the catalog, as it is at one moment, into a file. @throws SqliteError when the disk is full. */
  async copyTo(path: string): Promise<void> {
    await this.#database.backup(path, { progress: () => allPages })
  }

  /** Runs `read` with what the catalog says about a segment. Returns `undefined` if it has none. */
  view<T>(name: string, read: (view: SegmentView) => T): T | undefined {
    return this.#database.transaction(() => {
      const segment = this.#segment(name)
      return (
        segment &&
        read({
          segment,
          has: other => this.has(other),
          findsStream: ({ tenant, day }, { labelsText, minNs, maxNs }) =>
            this.#sql.stream.get(tenant, labelsText, day, minNs, maxNs) !== undefined,
        })
      )
    })()
  }

  #segment(name: string): KnownSegment | undefined {
    const row = this.#sql.segment.get(name) as
      | (Omit<KnownSegment, 'parts'> & { id: number })
      | undefined
    if (!row) return undefined
    const { id, ...segment } = row
    const parts = this.#sql.parts.all(id) as PartRow[]
    return {
      ...segment,
      parts: parts.map(({ day, rowCount, lineBytes, ...part }) => ({
        ...part,
        day: Number(day),
        rowCount: Number(rowCount),
        lineBytes: Number(lineBytes),
      })),
    }
  }

  close(): void {
    this.#database.close()
    this.#onClose()
  }
}

interface PartRow {
  readonly tenant: string
  readonly day: bigint
  readonly minNs: bigint
  readonly maxNs: bigint
  readonly rowCount: bigint
  readonly lineBytes: bigint
}
