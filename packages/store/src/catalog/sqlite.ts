// Keeps the catalog in one SQLite file. Losing the file costs only time: the store rebuilds it from
// the segments' footers. That is why commits need not wait for its disk (synchronous = NORMAL with
// a write-ahead log: a killed process loses nothing, a power loss at most the newest rows).

import { closeSync, openSync } from 'node:fs'
import { type LabelSet, type Matcher, privateFileMode } from '@skald/wire'
import Database from 'better-sqlite3'
import { catalogCopyPages, catalogLogBytesMax, catalogPagesKib } from '../limits.ts'
import { parseSegmentName } from '../segment/name.ts'
import type {
  CatalogPart,
  CatalogSegment,
  CatalogTotals,
  DatedSegment,
  DaySize,
  EnteredMarks,
  Level0Summary,
  LocalCatalog,
  MergeTicket,
  PartSummary,
  SegmentInfo,
  SegmentPartInfo,
  TenantDay,
  TimeRange,
} from './catalog.ts'
import { type EnteredChange, versionsOf } from './catalog-changes.ts'
import { migrate } from './migrations.ts'
import { checkSeal } from './seal.ts'
import { SqliteDeleteRequests } from './sqlite-delete-requests.ts'
import { SqliteRules } from './sqlite-rules.ts'
import { type CatalogStatements, prepareStatements } from './sqlite-statements.ts'
import { StreamSearch } from './stream-search.ts'
import { StreamWriter } from './stream-writer.ts'
import { checkStructure } from './structure.ts'
import { runSynced } from './synced.ts'
import { bounded, daysOf } from './time-bounds.ts'

/**
 * Opens the catalog file, creates it if it is missing, and migrates it to this version.
 * @throws SqliteError when the file is damaged; RangeError when a newer version wrote it.
 */
export function openSqliteCatalog(path: string): SqliteCatalog {
  // SQLite copies this file's mode to its other files, and would create it readable for everyone.
  closeSync(openSync(path, 'a', privateFileMode))
  const database = new Database(path)
  try {
    // Before all else, because the first statement that reads a damaged header has no clear error.
    checkSeal(database)
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = NORMAL')
    database.pragma(`journal_size_limit = ${catalogLogBytesMax}`)
    database.pragma(`cache_size = -${catalogPagesKib}`)
    migrate(database, path)
    return new SqliteCatalog(database)
  } catch (error) {
    database.close()
    throw error
  }
}

/** The catalog in SQLite. Open it with openSqliteCatalog. */
export class SqliteCatalog implements LocalCatalog {
  readonly deleteRequests: SqliteDeleteRequests
  readonly #database: Database.Database
  readonly #sql: CatalogStatements
  readonly #streams: StreamWriter
  readonly #search: StreamSearch
  readonly #partsOf: Database.Statement
  readonly #transaction: (work: () => void) => void
  #rules: SqliteRules | undefined

  constructor(database: Database.Database) {
    this.#database = database
    this.#sql = prepareStatements(database)
    this.#streams = new StreamWriter(this.#sql)
    this.#search = new StreamSearch(this.#sql)
    // Times do not fit into numbers.
    this.#partsOf = this.#sql.partsOf.safeIntegers()
    this.deleteRequests = new SqliteDeleteRequests(database)
    this.#transaction = database.transaction((work: () => void) => work())
  }

  /** The rules and alerts. Stores without rules do not prepare their statements. */
  get rules(): SqliteRules {
    this.#rules ??= new SqliteRules(this.#database)
    return this.#rules
  }

  /** Does nothing: only this process writes it. */
  refresh(): undefined {
    return undefined
  }

  async beginMerge(): Promise<MergeTicket | undefined> {
    return undefined
  }

  async giveUpMerge(): Promise<void> {}

  async listTaken(): Promise<ReadonlySet<string>> {
    return new Set()
  }

  /** The version of the shared catalog that this is a copy of; 0 if it is none. */
  get copiedVersion(): number {
    return (this.#sql.copiedVersion.get() as number | undefined) ?? 0
  }

  /** Tag of the change that made that version; 0 if it is not known. */
  get copiedTag(): number {
    return (this.#sql.copiedTag.get() as number | undefined) ?? 0
  }

  /** Says that this is a copy of the shared catalog at a version. */
  setCopied({ version, tag = 0 }: Pick<EnteredChange, 'version' | 'tag'>): void {
    this.#transaction(() => this.#setCopied({ version, tag }))
  }

  #setCopied({ version, tag = 0 }: Pick<EnteredChange, 'version' | 'tag'>): void {
    this.#sql.setCopied.run(version)
    this.#sql.setCopiedTag.run(tag)
  }

  /**
   * Applies changes of the shared catalog, in one transaction. Returns for each whether it had an effect, as
   * far as that depends on what was there.
   */
  applyChanges(changes: readonly EnteredChange[]): boolean[] {
    let outcomes: boolean[] = []
    try {
      this.#transaction(() => {
        outcomes = changes.map(change => this.#apply(change))
        for (const last of changes.slice(-1)) this.#setCopied(last)
      })
    } catch (error) {
      this.#forget()
      throw error
    }
    return outcomes
  }

  #apply({ version, enteredMs, change }: EnteredChange): boolean {
    switch (change.kind) {
      case 'segments': {
        this.#dropSegments(change.removed)
        let sequence = version - versionsOf(change)
        for (const added of change.added) {
          const given = added.level === 0 ? { ...added, sequence: ++sequence } : added
          this.#addSegment({ ...given, createdMs: enteredMs })
        }
        return true
      }
      case 'expired':
        this.#dropSegments(change.removed)
        this.#forgetBefore(change.tenant, change.day)
        return true
      case 'retained':
        return this.#retain(change, new Set(change.labelsTexts))
      case 'lost':
        this.#loseSegments(change.removed)
        return true
      case 'streams':
        for (const part of change.parts) this.#streams.addActivities(part)
        return true
      case 'jumped':
        return true
      case 'delete-added':
      case 'delete-state':
      case 'delete-removed':
      case 'deletes-forgotten':
        return this.deleteRequests.apply(change, version)
      case 'rule-group-set':
      case 'rule-groups-removed':
        this.rules.apply(change)
        return true
    }
  }

  async addSegments(
    segments: readonly CatalogSegment[],
    replaces: readonly string[],
  ): Promise<void> {
    const enter = () => {
      this.#dropSegments(replaces)
      for (const segment of segments) this.#addSegment(segment)
    }
    try {
      if (replaces.length > 0) runSynced(this.#database, enter)
      else this.#transaction(enter)
    } catch (error) {
      // The caches may hold ids that were rolled back.
      this.#forget()
      throw error
    }
  }

  async addFound(
    segments: AsyncIterable<CatalogSegment>,
    replaces: readonly string[],
  ): Promise<number> {
    const database = this.#database
    let count = 0
    database.pragma('synchronous = FULL')
    database.exec('BEGIN IMMEDIATE')
    try {
      this.#dropSegments(replaces)
      for await (const segment of segments) {
        this.#addSegment(segment)
        count++
      }
      database.exec('COMMIT')
    } catch (error) {
      // A full disk may have ended the transaction already.
      if (database.inTransaction) database.exec('ROLLBACK')
      this.#forget()
      throw error
    } finally {
      database.pragma('synchronous = NORMAL')
    }
    return count
  }

  #dropSegments(names: readonly string[]): void {
    for (const name of names) {
      this.#removeSegment(name)
      this.#sql.addDropped.run(name)
    }
  }

  #addSegment(segment: CatalogSegment): void {
    const { name, level, sequence, version, sizeBytes, createdMs } = segment
    const id = this.#sql.addSegment.get(name, level, sequence, version, sizeBytes, createdMs)
    if (id === undefined) return
    const { sequence: named } = parseSegmentName(name)!
    this.#sql.raiseMark.run(named, level === 0 ? 'level0' : 'compacted', named)
    this.#sql.forgetLost.run(name)
    for (const part of segment.parts) {
      const { tenant, day, minNs, maxNs, rowCount, lineBytes } = part
      this.#sql.addPart.run(id, tenant, day, minNs, maxNs, rowCount, lineBytes)
      this.#streams.addActivities(part)
    }
  }

  #removeSegment(name: string): void {
    this.#sql.removeParts.run(name)
    this.#sql.removeSegment.run(name)
  }

  async settle(): Promise<void> {
    runSynced(this.#database, () => this.#sql.settle.run())
  }

  async marks(): Promise<EnteredMarks> {
    return this.#sql.marks.get() as EnteredMarks
  }

  /** Raises the marks to at least these: those of a catalog that this one takes the place of. */
  raiseMarks({ level0, compacted }: EnteredMarks): void {
    this.#transaction(() => {
      this.#sql.raiseMark.run(level0, 'level0', level0)
      this.#sql.raiseMark.run(compacted, 'compacted', compacted)
    })
  }

  async removeSegments(names: readonly string[]): Promise<void> {
    this.#transaction(() => this.#loseSegments(names))
  }

  #loseSegments(names: readonly string[]): void {
    for (const name of names) {
      this.#removeSegment(name)
      this.#sql.addLost.run(name)
    }
  }

  async listLost(): Promise<string[]> {
    return this.#sql.listLost.all() as string[]
  }

  async listDropped(): Promise<string[]> {
    return this.#sql.listDropped.all() as string[]
  }

  async forgetDropped(names: readonly string[]): Promise<void> {
    this.#transaction(() => {
      for (const name of names) this.#sql.forgetDropped.run(name)
    })
  }

  async dropBefore(tenant: string, day: number): Promise<string[]> {
    let names: string[] = []
    runSynced(this.#database, () => {
      names = this.listExpired(tenant, day)
      this.#dropSegments(names)
      this.#forgetBefore(tenant, day)
    })
    return names
  }

  /** Returns the segments that `dropBefore` would remove. */
  listExpired(tenant: string, day: number): string[] {
    return this.#sql.findExpired.all({ tenant, day }) as string[]
  }

  #forgetBefore(tenant: string, day: number): void {
    const idle = new Set(this.#sql.forgetDays.all(day, tenant) as number[])
    if (idle.size === 0) return
    this.#sql.forgetPairDays.run(day, tenant)
    this.#forgetIdleStreams(idle)
  }

  async activeDays(tenant: string, firstDay: number, lastDay: number): Promise<number[]> {
    return this.#sql.activeDays.all(tenant, firstDay, lastDay) as number[]
  }

  async retainStreams(of: TenantDay, labelsTexts: ReadonlySet<string>): Promise<boolean> {
    let isCurrent = true
    this.#transaction(() => {
      isCurrent = this.#retain(of, labelsTexts)
    })
    return isCurrent
  }

  #retain({ tenant, day, segments }: TenantDay, labelsTexts: ReadonlySet<string>): boolean {
    const names = new Set(this.#sql.segmentsOfDay.all(tenant, day) as string[])
    const isCurrent = names.size === segments.length && segments.every(name => names.has(name))
    if (!isCurrent) return false
    const active = this.#sql.streamsOfDay.all(tenant, day) as { id: number; labels: string }[]
    const idle = active.filter(({ labels }) => !labelsTexts.has(labels))
    for (const { id } of idle) this.#sql.forgetDay.run(id, day)
    for (const { id } of idle) this.#sql.forgetIdlePairDays.run({ id, day })
    if (idle.length > 0) this.#forgetIdleStreams(idle.map(({ id }) => id))
    return true
  }

  /** Removes those of the streams that have no day left, and clears the caches. */
  #forgetIdleStreams(ids: Iterable<number>): void {
    const pairs = new Set<number>()
    for (const id of ids) {
      if (this.#sql.forgetStream.run(id).changes === 0) continue
      for (const pair of this.#sql.pairsOfStream.all(id) as number[]) pairs.add(pair)
      this.#sql.forgetStreamPairs.run(id)
    }
    for (const pair of pairs) this.#sql.forgetPair.run(pair)
    this.#forget()
  }

  async listSegments(): Promise<SegmentInfo[]> {
    return this.#sql.listSegments.all() as SegmentInfo[]
  }

  async listParts(which: 'level0' | 'compacted'): Promise<SegmentPartInfo[]> {
    const statement = which === 'level0' ? this.#sql.listLevel0Parts : this.#sql.listCompactedParts
    return statement.all() as SegmentPartInfo[]
  }

  async partsOf(segment: string): Promise<PartSummary[]> {
    const rows = this.#partsOf.all(segment) as Record<keyof PartSummary, bigint | string>[]
    return rows.map(({ tenant, day, minNs, maxNs, rowCount, lineBytes }) => ({
      tenant: tenant as string,
      day: Number(day),
      minNs: minNs as bigint,
      maxNs: maxNs as bigint,
      rowCount: Number(rowCount),
      lineBytes: Number(lineBytes),
    }))
  }

  async knowsStreams({ tenant, day, streams }: CatalogPart): Promise<boolean> {
    return streams.every(({ labelsText, labels, minNs, maxNs }) => {
      const id = this.#sql.findStream.get(tenant, labelsText)
      if (id === undefined || this.#sql.streamById.get(id) !== labelsText) return false
      const hasPairs = labels.every(({ name, value }) => {
        const pair = this.#sql.findPair.get(tenant, name, value)
        return (
          pair !== undefined &&
          this.#sql.hasStreamPair.get(pair, id) !== undefined &&
          this.#sql.hasPairDay.get(pair, day) !== undefined
        )
      })
      return hasPairs && this.#sql.coversTimes.get(id, day, minNs, maxNs) !== undefined
    })
  }

  async renewSegment(segment: CatalogSegment): Promise<void> {
    this.#transaction(() => {
      if (this.#sql.hasSegment.get(segment.name) === undefined) return
      // What is cached may be what is wrong.
      this.#forget()
      this.#removeSegment(segment.name)
      for (const part of segment.parts) {
        for (const stream of part.streams) this.#streams.renewPairs(part, stream)
      }
      this.#addSegment(segment)
    })
  }

  /**
   * Checks that tables and indexes fit together, if the file is small enough to do so at a start.
   * @throws an error with the code SQLITE_CORRUPT.
   */
  checkStructure(): void {
    checkStructure(this.#database)
  }

  async daySizes(): Promise<DaySize[]> {
    return this.#sql.daySizes.all() as DaySize[]
  }

  async segmentsSince(day: number): Promise<DatedSegment[]> {
    return this.#sql.segmentsSince.all(day) as DatedSegment[]
  }

  async level0(): Promise<Level0Summary> {
    return this.#sql.level0.get() as Level0Summary
  }

  async findSegments(tenant: string, range: TimeRange): Promise<SegmentInfo[]> {
    const { startNs, endNs } = bounded(range)
    return this.#sql.findSegments.all(tenant, ...daysOf(range), endNs, startNs) as SegmentInfo[]
  }

  async findStreams(
    tenant: string,
    matchers: readonly Matcher[],
    range: TimeRange,
    onCount?: (count: number) => void,
  ): Promise<Map<string, LabelSet>> {
    return this.#search.find(tenant, matchers, range, onCount)
  }

  async labelNames(tenant: string, range: TimeRange): Promise<string[]> {
    const [first, last] = daysOf(range)
    return this.#sql.names.all({ tenant, first, last }) as string[]
  }

  async labelValues(tenant: string, name: string, range: TimeRange): Promise<string[]> {
    return this.#sql.values.all(tenant, name, ...daysOf(range)) as string[]
  }

  async tenants(): Promise<string[]> {
    return this.#sql.tenants.all() as string[]
  }

  async totals(): Promise<CatalogTotals> {
    return this.#sql.totals.get() as CatalogTotals
  }

  /**
   * Copies the catalog into a new file, as it is when this resolves. Pushes and queries get their turns.
   * @throws SqliteError when the file cannot be written.
   */
  async copyTo(path: string): Promise<void> {
    // SQLite would make it readable for everyone.
    closeSync(openSync(path, 'a', privateFileMode))
    await this.#database.backup(path, { progress: () => catalogCopyPages })
  }

  async close(): Promise<void> {
    this.#forget()
    this.#database.close()
  }

  #forget(): void {
    this.#streams.forget()
    this.#search.forget()
  }
}
