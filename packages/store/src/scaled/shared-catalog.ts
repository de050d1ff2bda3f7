// The catalog that replicas share. PostgreSQL holds its changes in the order of their versions; each replica has
// an exact copy in SQLite. Reads bring the copy to the newest version first, with one request that all who wait
// share. Writes are one transaction each, and reach the copy with the next read.

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type {
  Catalog,
  CatalogSegment,
  MergeTicket,
  PlannedMerge,
  TenantDay,
} from '../catalog/catalog.ts'
import {
  type CatalogChange,
  type EnteredChange,
  type RuleChange,
  versionsOf,
} from '../catalog/catalog-changes.ts'
import type { SqliteCatalog } from '../catalog/sqlite.ts'
import { CatalogOwnerError, CatalogUnavailableError, ChangeRefusedError } from '../errors.ts'
import { catalogDownRequestMs } from '../limits.ts'
import { type Page, pageAfter, type Recorded, record } from './catalog-statements.ts'
import { decodeChange, encodeChange } from './change-codec.ts'
import type { ChangeListener } from './change-observer.ts'
import { untilMade } from './change-tries.ts'
import { CopyReads } from './copy-reads.ts'
import { MergeJobs } from './merge-jobs.ts'
import type { Database, Statement } from './postgres.ts'
import { SharedDeleteRequests } from './shared-delete-requests.ts'
import { StreamCover } from './stream-cover.ts'

export interface SharedCatalogParts {
  readonly database: Database
  /** The copy, at some version. */
  readonly copy: SqliteCatalog
  /** Identity of the catalog in the database. */
  readonly store: string
  /** Number of this process. */
  readonly epoch: number
  readonly logger: Logger
  /** Opens a copy that is made from what the bucket has. The listener may close the one before. */
  readonly renewCopy: () => Promise<SqliteCatalog>
  /** Called again and again while the database lacks changes that the copy has. */
  readonly onLost?: () => void
  /** Called when the process is no longer in the list of replicas. */
  readonly onFenced?: () => void
}

/** What a change says beside its content. */
interface RecordOptions extends Partial<Pick<Recorded, 'added' | 'removed' | 'forgets' | 'kind'>> {
  readonly ticket?: MergeTicket | undefined
}

/** The shared catalog. */
export class SharedCatalog extends CopyReads implements Catalog {
  readonly deleteRequests: SharedDeleteRequests
  readonly #parts: SharedCatalogParts
  #copy: SqliteCatalog
  /** Of the copy, and the tag of the change that made it. */
  #version: number
  #tag: number
  /** The copy to go on with. */
  #nextCopy: SqliteCatalog | undefined
  #epoch: number
  /** The highest version that PostgreSQL has ever answered. */
  #seen = 0
  #rules = 0
  #forgets = 0
  #listener: ChangeListener = async () => undefined
  readonly #cover = new StreamCover()
  /** Segment → the version that added it, for segments that were added while this process ran. */
  readonly #made = new Map<string, number>()
  /** Outcomes of own changes, by version, until their makers take them. */
  readonly #outcomes = new Map<number, boolean>()
  readonly #awaited = new Set<number>()
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  /** When the copy was last known to have everything. */
  #currentMs = Date.now()
  #askedMs: number | undefined
  #isDown = false
  #isClosed = false
  readonly #jobs: MergeJobs

  constructor(parts: SharedCatalogParts) {
    super()
    this.#parts = parts
    this.#copy = parts.copy
    this.#version = parts.copy.copiedVersion
    this.#jobs = new MergeJobs({ database: parts.database, epoch: () => this.#epoch })
    this.#tag = parts.copy.copiedTag
    this.#epoch = parts.epoch
    this.deleteRequests = new SharedDeleteRequests({
      copy: () => this.#copy.deleteRequests,
      refresh: () => this.refresh(),
      record: async (change, kind) => {
        const version = await this.#record(change, kind ? { kind } : {})
        return { version, outcome: await this.#outcomeOf(version) }
      },
    })
  }

  /** When a query last looked for streams, in the milliseconds of `performance.now()`. */
  get askedMs(): number | undefined {
    return this.#askedMs
  }

  /** Version of the copy. */
  get version(): number {
    return this.#version
  }

  /** The versions at which delete requests began and streams were removed, as far as the copy knows. */
  get marks(): { readonly rules: number; readonly forgets: number } {
    return { rules: this.#rules, forgets: this.#forgets }
  }

  /** The copy that reads are answered from. */
  get copy(): SqliteCatalog {
    return this.#copy
  }

  /** The highest version that was seen. */
  get seen(): number {
    return Math.max(this.#seen, this.#version)
  }

  /** Whether the last request failed, or found another catalog. */
  get isDown(): boolean {
    return this.#isDown
  }

  /** The job of the merge under way, which must be renewed. */
  get job(): number | undefined {
    return this.#jobs.current
  }

  /** Gives the process another number. */
  setEpoch(epoch: number): void {
    this.#epoch = epoch
  }

  /** Goes on with another copy. The listener may close the one before. */
  async goOnWith(copy: SqliteCatalog): Promise<void> {
    this.#nextCopy = copy
    await this.sync()
  }

  /** Sets who is told of changes. */
  listen(listener: ChangeListener): void {
    this.#listener = listener
  }

  /** Returns the version that entered a segment; 0 if it was there before this process. */
  numberOf(segment: string): number {
    return this.#made.get(segment) ?? 0
  }

  async refresh(): Promise<string | undefined> {
    const synced = this.sync().then(
      () => undefined,
      (error: Error) => error.message,
    )
    const late = new AbortController()
    const why = await (this.isDown
      ? Promise.race([synced, sleep(catalogDownRequestMs, 'no answer', late)])
      : synced)
    late.abort()
    if (why === undefined) return undefined
    const seconds = Math.ceil((Date.now() - this.#currentMs) / 1000)
    return `the catalog cannot be reached: lines that other replicas took in the last ${seconds} s may be missing`
  }

  /**
   * Brings the copy to the version that PostgreSQL has when it is asked, which is after this call.
   * @throws CatalogUnavailableError; CatalogOwnerError when the database is another one, or has lost changes.
   */
  sync(): Promise<void> {
    // A request that was sent already may miss what was acknowledged just now.
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#running = this.#next!
        this.#next = undefined
        return this.#syncOnce()
      })
    return this.#next
  }

  async #syncOnce(): Promise<void> {
    let target: number | undefined
    if (this.#nextCopy) await this.#takeNextCopy(this.#nextCopy)
    for (;;) {
      const { seen } = this
      const page = await this.#ask<Page>(pageAfter(this.#version))
      const head = Number(page.version)
      target ??= head
      this.#checkHead(page, head, seen)
      if (this.#version < Number(page.floor)) await this.#renewCopy()
      else await this.#apply(page.changes ?? [])
      if (this.#version < target) continue
      // What is in the copy by now is known, and these only grow.
      if (Number(page.rules) <= this.#version) this.#rules = Number(page.rules)
      if (Number(page.forgets) <= this.#version) this.#forgets = Number(page.forgets)
      this.#noteAnswer()
      return
    }
  }

  /** @throws CatalogOwnerError when the database is not the one that the copy is of. */
  #checkHead({ store, at, floor }: Page, head: number, seen: number): void {
    const isOther = store !== this.#parts.store
    const isSame = at === null ? this.#version <= Number(floor) : at === (this.#tag || at)
    if (!isOther && head >= seen && isSame) return
    if (!isOther)
      throw this.#noteLost(`it is at version ${head}, and this replica has seen ${seen}`)
    const text = 'the database has another catalog than when this process started'
    const error = new CatalogOwnerError(text)
    this.#noteFailure(error)
    throw error
  }

  #noteLost(why: string): CatalogOwnerError {
    const error = new CatalogOwnerError(
      `the catalog in PostgreSQL has lost changes (${why}): this replica enters again what it knows of them`,
    )
    this.#noteFailure(error)
    this.#parts.onLost?.()
    return error
  }

  async #apply(rows: NonNullable<Page['changes']>): Promise<void> {
    if (rows.length === 0) return
    const changes = rows.map(([version, enteredMs, coded, tag]): EnteredChange => {
      return { version, enteredMs, change: decodeChange(coded), tag }
    })
    const { version: first, change } = changes[0]!
    const isNext = first === this.#version + versionsOf(change)
    if (!isNext && !(change.kind === 'jumped' && change.from === this.#version))
      throw new CatalogUnavailableError(`change ${first} follows ${this.#version} in the catalog`)
    const outcomes = this.#copy.applyChanges(changes)
    for (const [i, { version, change }] of changes.entries()) {
      if (this.#awaited.has(version)) this.#outcomes.set(version, outcomes[i]!)
      this.#note(version, change)
    }
    this.#version = changes.at(-1)!.version
    this.#tag = changes.at(-1)!.tag!
    await this.#listener(changes)
  }

  #note(version: number, change: CatalogChange): void {
    if (change.kind === 'expired' || change.kind === 'retained') this.#cover.clear()
    if (change.kind !== 'segments') return
    for (const { name, parts } of change.added) {
      // What was found may be older than delete requests that were carried out since.
      if (!change.areFound) this.#made.set(name, version)
      this.#cover.add(parts)
    }
    for (const name of change.removed) this.#made.delete(name)
  }

  async #renewCopy(): Promise<void> {
    this.#parts.logger.warn(
      'this replica was cut off for long: it begins with a new copy of the catalog',
    )
    await this.#use(await this.#parts.renewCopy())
  }

  async #takeNextCopy(copy: SqliteCatalog): Promise<void> {
    this.#nextCopy = undefined
    // What was seen before belongs to a lost history.
    this.#seen = 0
    await this.#use(copy)
  }

  async #use(copy: SqliteCatalog): Promise<void> {
    this.#copy = copy
    this.#version = copy.copiedVersion
    this.#tag = copy.copiedTag
    this.#cover.clear()
    this.#made.clear()
    await this.#listener([])
  }

  /** Asks for one row. */
  async #ask<Row>(statement: Statement): Promise<Row> {
    try {
      const [row] = await this.#parts.database.query<Row>(statement)
      if (row === undefined) throw new CatalogOwnerError('the catalog in PostgreSQL has no head')
      return row
    } catch (error) {
      if (!(error instanceof ChangeRefusedError)) this.#noteFailure(error as Error)
      else if (error.reason === 'lost') throw this.#noteLost(error.message)
      else if (error.reason === 'epoch') this.#parts.onFenced?.()
      throw error
    }
  }

  #noteAnswer(): void {
    if (this.#isDown) this.#parts.logger.info('the catalog answers again')
    this.#isDown = false
    this.#currentMs = Date.now()
  }

  #noteFailure(error: Error): void {
    if (this.#isDown || this.#isClosed) return
    this.#isDown = true
    this.#parts.logger.error(
      { reason: error.message },
      'the catalog cannot be used: pushes get 503, and queries are answered from the copy',
    )
  }

  /**
   * Makes a change. It has an id, so that a second try finds the first one.
   * @throws as `make`; CatalogOwnerError if the database has lost changes.
   */
  async #record(change: CatalogChange, options: RecordOptions): Promise<number> {
    const { added = [], removed = [], ticket, forgets, kind } = options
    const made = { id: randomUUID(), change: encodeChange(change), added, removed, forgets, kind }
    const after = { at: this.#version, tag: this.#tag }
    return this.make(record({ ...made, ...after, job: ticket?.job, rules: ticket?.rules }))
  }

  /**
   * Runs a statement that makes a change and returns its version. Repeats it until it is answered.
   * @throws CatalogUnavailableError when it may or may not have been made; ChangeRefusedError when it was not.
   */
  async make(statement: Statement): Promise<number> {
    const run = () => this.#ask<{ version: string }>(statement)
    const { version } = await untilMade(run, () => this.#isClosed)
    this.#seen = Math.max(this.#seen, Number(version))
    return Number(version)
  }

  /** Brings the copy up to a change of one's own, and returns what came of it. */
  async #outcomeOf(version: number): Promise<boolean> {
    this.#awaited.add(version)
    try {
      // It may have been applied before it was awaited. Then nobody else has undone it either.
      if (this.#version < version) await this.sync()
      return this.#outcomes.get(version) ?? true
    } finally {
      this.#awaited.delete(version)
      this.#outcomes.delete(version)
    }
  }

  /** Changes rules made by API. The copy has it when this resolves. @throws as `make`. */
  async changeRules(change: RuleChange): Promise<void> {
    await this.#outcomeOf(await this.#record(change, {}))
  }

  beginMerge(merge: PlannedMerge): Promise<MergeTicket | 'taken'> {
    // Taken first: what begins from now on must stop the merge.
    return this.#jobs.begin(merge, this.#rules)
  }

  giveUpMerge(ticket: MergeTicket): Promise<void> {
    return this.#jobs.giveUp(ticket)
  }

  listTaken(): Promise<ReadonlySet<string>> {
    return this.#jobs.listTaken()
  }

  async addSegments(
    segments: readonly CatalogSegment[],
    replaces: readonly string[],
    ticket?: MergeTicket,
  ): Promise<void> {
    if (segments.length === 0 && replaces.length === 0) return
    const added = segments.map(({ name }) => name)
    const isCommit = replaces.length === 0
    for (;;) {
      const forgets = this.#forgets
      const { generation } = this.#cover
      const reduced = segments.map(({ createdMs: _, ...segment }) =>
        isCommit
          ? { ...segment, parts: segment.parts.map(part => this.#cover.reduce(part)) }
          : segment,
      )
      const change = { kind: 'segments', added: reduced, removed: replaces } as const
      try {
        const options = { added, removed: replaces, ticket, ...(isCommit && { forgets }) }
        await this.#record(change, options)
        if (generation === this.#cover.generation)
          for (const { parts } of reduced) this.#cover.add(parts)
        break
      } catch (error) {
        if (!(error instanceof ChangeRefusedError)) throw error
        // Another replica has found it in the bucket and entered it.
        if (error.reason === 'taken' && isCommit) break
        // Streams were removed that this commit counts on. It names them after the next look.
        if (error.reason !== 'forgets') throw error
        await this.sync()
      }
    }
    if (ticket) this.#jobs.noteEntered()
    if (!isCommit) await this.sync().catch(() => undefined)
  }

  /** Does nothing: a transaction of PostgreSQL has happened, or never will once its job was given up. */
  async settle(): Promise<void> {}

  async removeSegments(names: readonly string[]): Promise<void> {
    await this.#record({ kind: 'lost', removed: names }, { removed: names, kind: 'lost' })
    await this.sync()
  }

  async dropBefore(tenant: string, day: number): Promise<string[]> {
    await this.sync()
    const removed = this.#copy.listExpired(tenant, day)
    const active = removed.length > 0 ? [] : await this.#copy.activeDays(tenant, 0, day - 1)
    if (removed.length === 0 && active.length === 0) return []
    await this.#record({ kind: 'expired', tenant, day, removed }, { removed, kind: 'forgets' })
    await this.sync()
    return removed
  }

  async retainStreams(of: TenantDay, labelsTexts: ReadonlySet<string>): Promise<boolean> {
    const { tenant, day, segments } = of
    const change = {
      kind: 'retained',
      tenant,
      day,
      segments,
      labelsTexts: [...labelsTexts],
    } as const
    return this.#outcomeOf(await this.#record(change, { kind: 'forgets' }))
  }

  override findStreams(...args: Parameters<CopyReads['findStreams']>) {
    this.#askedMs = performance.now()
    return super.findStreams(...args)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await (this.#next ?? this.#running).catch(() => undefined)
    await this.#copy.close()
  }
}
