// Makes pushes durable. Pushes that arrive during a commit form the next level-0 segment. It is
// synced to disk and added to the catalog, and only then are its pushes acknowledged. A small
// segment is the write-ahead log; there is no other. Several commits may be written at a time; they enter
// the catalog in the order of their numbers.

import { ascending, type LabelSet } from '@skald/wire'
import type { Logger } from 'pino'
import { ScratchArena } from '../buffers.ts'
import type { Catalog, CatalogSegment } from '../catalog/catalog.ts'
import { catalogPartsOf } from '../catalog/catalog-parts.ts'
import { nsPerDay, secondsPerDay } from '../day.ts'
import { StorageUnavailableError } from '../errors.ts'
import {
  arrivingFreshMs,
  blockLineBytesMax,
  commitArenaBytes,
  commitBytesMax,
  commitEagerBytes,
  commitLingerMs,
  commitRowBytes,
  commitSpacingMs,
  commitStreamBytes,
} from '../limits.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import type { Compression } from '../segment/block.ts'
import { FooterRecords } from '../segment/footer-records.ts'
import { flagLevelsPending, type SegmentFooter } from '../segment/format.ts'
import { ColumnScratch, mergeRows, type RowSource } from '../segment/merge-rows.ts'
import { segmentName } from '../segment/name.ts'
import { SegmentWriter } from '../segment/writer.ts'
import type { AcceptedStream } from './accepted-stream.ts'
import { acceptedRowCount } from './ingest-quotas.ts'

/** A committed segment, as reported to the rest of the store. */
export interface Commit {
  readonly name: string
  readonly footer: SegmentFooter
  readonly segment: CatalogSegment
}

/** How commits are made. The defaults suit a local disk, where a commit takes a few milliseconds. */
export interface CommitPace {
  /** Least time between the starts of two commits, while fewer than `eagerBytes` wait. */
  readonly intervalMs: number
  /** Bytes of lines that are committed without waiting for the interval. */
  readonly eagerBytes: number
  /** Commits that may be written at a time. Each has memory for a full commit. */
  readonly inFlight: number
  /** Compression of level 0. */
  readonly compression: Compression
  /**
   * Who says in which order commits come: the store by their numbers, or the catalog when it enters them. Then
   * the numbers only tell segments apart, and no commit waits for another.
   */
  readonly orderedBy: 'store' | 'catalog'
}

const localPace: CommitPace = {
  intervalMs: commitSpacingMs,
  eagerBytes: commitEagerBytes,
  inFlight: 1,
  compression: 'none',
  orderedBy: 'store',
}

export interface CommitterOptions {
  readonly objects: ObjectStore
  readonly catalog: Catalog
  readonly clock: { now(): number }
  readonly logger: Logger
  /** Returns the next segment number; each is higher than the last. */
  readonly nextSequence: () => number
  /**
   * Returns how many pushes are still being received or decoded. Waiting a little can bring them
   * into this commit.
   */
  readonly arriving: () => number
  /** Rejects with StorageUnavailableError if there is no room for this many bytes. */
  readonly room?: (bytes: number) => Promise<void>
  /** Called when the segment is durable and in the catalog, before its pushes are acknowledged. */
  readonly onCommit: (commit: Commit) => void
  /** What differs from the pace of a local disk. */
  readonly pace?: Partial<CommitPace>
}

interface PendingPush {
  readonly tenant: string
  readonly streams: readonly AcceptedStream[]
  readonly lineBytes: number
  readonly onCopied: (() => void) | undefined
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Groups pushes into commits. */
export class Committer {
  readonly #options: CommitterOptions
  readonly #pace: CommitPace
  readonly #pending: PendingPush[] = []
  #pendingBytes = 0
  #oldestPendingMs = 0
  #lastCommitMs = 0
  /** Whether the last commit failed, which was logged. */
  #isFailing = false
  #running: Promise<void> | undefined
  #wake: (() => void) | undefined
  readonly #scratch = new ColumnScratch()
  /** Memory for the bytes of a segment being written, for commits that may still begin. */
  readonly #arenas: ScratchArena[]
  /** Commits being written. */
  readonly #writing = new Set<Promise<void>>()
  /** Resolves once the newest commit has entered the catalog, or has failed. */
  #entered: Promise<void> = Promise.resolve()

  constructor(options: CommitterOptions) {
    this.#options = options
    this.#pace = { ...localPace, ...options.pace }
    const { inFlight } = this.#pace
    this.#arenas = Array.from({ length: inFlight }, () => new ScratchArena(commitArenaBytes))
  }

  /**
   * Accepts a push. Resolves once it is durable.
   *
   * @param onCopied Called when the lines and columns of the streams are not needed any more, which is before
   *   they are durable.
   * @throws StorageUnavailableError when the write fails; then nothing of the push is stored.
   */
  add(
    tenant: string,
    streams: readonly AcceptedStream[],
    lineBytes: number,
    onCopied?: () => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#pending.length === 0) this.#oldestPendingMs = this.#options.clock.now()
      this.#pending.push({ tenant, streams, lineBytes, onCopied, resolve, reject })
      this.#pendingBytes += lineBytes
      this.#wake?.()
      this.#running ??= this.#run()
    })
  }

  /** Resolves once every accepted push is committed or rejected. */
  async drain(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  /** Waits for pending pushes to commit. Stop accepting pushes before you call it. */
  async close(): Promise<void> {
    await this.drain()
  }

  async #run(): Promise<void> {
    while (this.#pending.length > 0 || this.#writing.size > 0) {
      if (this.#pending.length === 0 || this.#arenas.length === 0) {
        await this.#wait()
        continue
      }
      await this.#linger()
      this.#start(this.#take())
    }
    this.#running = undefined
  }

  /** Waits until a commit is done. If another may begin, a push ends this early too. */
  async #wait(): Promise<void> {
    if (this.#arenas.length === 0) {
      await Promise.race(this.#writing)
      return
    }
    const { promise: pushed, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    await Promise.race([pushed, ...this.#writing])
    this.#wake = undefined
  }

  #start(pushes: readonly PendingPush[]): void {
    const arena = this.#arenas.pop()!
    const before = this.#entered
    const { promise: entered, resolve: enter } = Promise.withResolvers<void>()
    this.#entered = entered
    const writing = this.#commit(pushes, { arena, before }).then(async () => {
      // A commit that failed is done before those that it comes after.
      if (this.#pace.orderedBy === 'store') await before
      enter()
      arena.reset()
      this.#arenas.push(arena)
      this.#writing.delete(writing)
    })
    this.#writing.add(writing)
  }

  /** Waits, within limits, while more pushes are about to arrive. */
  async #linger(): Promise<void> {
    const { clock, arriving } = this.#options
    for (;;) {
      if (this.#pendingBytes >= commitBytesMax) return
      const now = clock.now()
      // If the clock was set back, pushes must not wait until it catches up.
      this.#lastCommitMs = Math.min(this.#lastCommitMs, now)
      this.#oldestPendingMs = Math.min(this.#oldestPendingMs, now)
      const spacingLeft =
        this.#pendingBytes >= this.#pace.eagerBytes
          ? 0
          : this.#lastCommitMs + this.#pace.intervalMs - now
      const lingerLeft = arriving() > 0 ? this.#oldestPendingMs + commitLingerMs - now : 0
      // An arriving push can stall at any moment, so wait for it only this long.
      const waitMs = Math.min(
        Math.max(spacingLeft, Math.min(lingerLeft, arrivingFreshMs)),
        Math.max(commitLingerMs, this.#pace.intervalMs),
      )
      if (waitMs <= 0) return
      await this.#sleep(waitMs)
    }
  }

  /** Resolves early when another push arrives. */
  #sleep(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }

  #take(): PendingPush[] {
    let bytes = 0
    let count = 0
    while (count < this.#pending.length && (count === 0 || bytes < commitBytesMax)) {
      bytes += this.#pending[count++]!.lineBytes
    }
    const taken = this.#pending.splice(0, count)
    this.#pendingBytes -= bytes
    this.#oldestPendingMs = this.#options.clock.now()
    return taken
  }

  /** Writes a segment at once, and enters it after all that came before. Never rejects. */
  async #commit(
    pushes: readonly PendingPush[],
    { arena, before }: { readonly arena: ScratchArena; readonly before: Promise<void> },
  ): Promise<void> {
    const { objects, catalog, clock, logger, nextSequence, room, onCommit } = this.#options
    this.#lastCommitMs = clock.now()
    try {
      const sequence = nextSequence()
      const name = segmentName(sequence, 0)
      arena.reset(bytesOf(pushes))
      const { footer, pieces, sizeBytes, labels } = buildSegment(pushes, sequence, {
        arena,
        scratch: this.#scratch,
        compression: this.#pace.compression,
      })
      for (const { onCopied } of pushes) onCopied?.()
      await room?.(sizeBytes)
      await objects.put(name, pieces)
      if (this.#pace.orderedBy === 'store') await before
      const segment: CatalogSegment = {
        name,
        level: 0,
        sequence,
        version: footer.version,
        sizeBytes,
        createdMs: clock.now(),
        parts: catalogPartsOf(footer, text => labels.get(text)!.labels),
      }
      try {
        await catalog.addSegments([segment], [])
      } catch (error) {
        // If the delete fails, the next start sees that the segment was never added.
        await objects.delete([name]).catch(() => {})
        throw error
      }
      onCommit({ name, footer, segment })
      for (const push of pushes) push.resolve()
      if (this.#isFailing) logger.info('storing pushes works again')
      this.#isFailing = false
    } catch (cause) {
      if (!this.#isFailing) logger.error({ err: cause }, 'cannot store pushes: rejecting them')
      this.#isFailing = true
      const message = `Cannot store pushes: ${(cause as Error).message}`
      const error = new StorageUnavailableError(message, { cause })
      for (const push of pushes) push.reject(error)
    }
  }
}

/** Rows of one tenant, day and stream, collected from the pushes of a commit. */
interface Group {
  readonly tenant: string
  readonly day: number
  readonly labelsText: string
  readonly sources: RowSource[]
  wantsLevels: boolean
}

/** What a segment is built with. */
interface SegmentTools {
  /** Has the bytes of the segment until they are written. */
  readonly arena: ScratchArena
  readonly scratch: ColumnScratch
  readonly compression: Compression
}

/** Returns how much memory the bytes of a segment need at most. */
function bytesOf(pushes: readonly PendingPush[]): number {
  let bytes = 0
  for (const { streams, lineBytes } of pushes) {
    bytes += lineBytes + streams.length * commitStreamBytes
    for (const stream of streams) bytes += acceptedRowCount(stream) * commitRowBytes
  }
  return bytes
}

function buildSegment(
  pushes: readonly PendingPush[],
  sequence: number,
  { arena, scratch, compression }: SegmentTools,
) {
  const labels = new Map<string, Pick<AcceptedStream, 'labels'>>()
  const records = new FooterRecords()
  const { allocate } = arena
  const writer = new SegmentWriter(compression, {
    allocate,
    onBlock: (owner, record) => records.add(owner, record),
  })
  const pieces: Buffer[] = [writer.header]
  for (const group of sortedGroups(pushes, { labels, arena })) {
    const blocks = mergeRows(group.sources, {
      dayStartNs: BigInt(group.day) * nsPerDay,
      flags: group.wantsLevels ? flagLevelsPending : 0,
      sequence,
      lineBytesMax: blockLineBytesMax,
      allocate,
      scratch,
    })
    for (const block of blocks) pieces.push(...writer.add(group, block))
  }
  const head = { level: 0, sequence, replaces: [] }
  const end = writer.finish(head)
  pieces.push(...end.pieces)
  return { footer: records.footer(head, writer.version), pieces, sizeBytes: end.sizeBytes, labels }
}

function sortedGroups(
  pushes: readonly PendingPush[],
  {
    labels,
    arena,
  }: { readonly labels: Map<string, Pick<AcceptedStream, 'labels'>> } & Pick<SegmentTools, 'arena'>,
): Group[] {
  const groups = new Map<string, Group>()
  for (const { tenant, streams } of pushes) {
    for (const stream of streams) {
      labels.set(stream.labelsText, stream)
      for (const { day, source } of splitByDay(stream, arena)) {
        const key = `${tenant}\0${day}\0${stream.labelsText}`
        let group = groups.get(key)
        if (!group) {
          group = { tenant, day, labelsText: stream.labelsText, sources: [], wantsLevels: false }
          groups.set(key, group)
        }
        group.sources.push(source)
        group.wantsLevels ||= stream.wantsLevels
      }
    }
  }
  return [...groups.values()].sort(
    (a, b) =>
      ascending(a.tenant, b.tenant) || a.day - b.day || ascending(a.labelsText, b.labelsText),
  )
}

/** Splits the accepted rows into runs of one UTC day. There is nearly always just one. */
function* splitByDay(
  stream: AcceptedStream,
  arena: ScratchArena,
): Generator<{ day: number; source: RowSource }> {
  const { source, rows } = stream
  const rowCount = rows ? rows.length : source.entryCount
  const rowAt = (i: number) => (rows ? rows[i]! : i)
  for (let from = 0; from < rowCount; ) {
    const day = Math.floor(source.seconds[rowAt(from)]! / secondsPerDay)
    const firstSecond = day * secondsPerDay
    const to = dayEnd(source.seconds, rowAt, { from, rowCount, firstSecond })
    yield { day, source: gatherRun(stream, rowAt, { from, to, firstSecond, arena }) }
    from = to
  }
}

/** Returns the first row from `from` on that belongs to another day. */
function dayEnd(
  seconds: Float64Array,
  rowAt: (i: number) => number,
  { from, rowCount, firstSecond }: { from: number; rowCount: number; firstSecond: number },
): number {
  let to = from
  while (to < rowCount) {
    const inDay = seconds[rowAt(to)]! - firstSecond
    if (inDay < 0 || inDay >= secondsPerDay) break
    to++
  }
  return to
}

function gatherRun(
  stream: AcceptedStream,
  rowAt: (i: number) => number,
  {
    from,
    to,
    firstSecond,
    arena,
  }: { from: number; to: number; firstSecond: number; arena: ScratchArena },
): RowSource {
  const { source, rows, lengths } = stream
  const rowCount = to - from
  const timestamps = arena.numbers(rowCount)
  for (let i = 0; i < rowCount; i++) {
    const row = rowAt(from + i)
    timestamps[i] = (source.seconds[row]! - firstSecond) * 1e9 + source.nanos[row]!
  }
  const pick = (column: Uint32Array) =>
    rows
      ? Uint32Array.from({ length: rowCount }, (_, i) => column[rowAt(from + i)]!)
      : column.subarray(from, to)
  return {
    rowCount,
    timestamps,
    bytes: source.bytes,
    offsets: pick(source.lineOffsets),
    lengths: pick(lengths),
    isPacked: false,
    metadata: stream.metadata && internMetadata(stream.metadata, rowCount, i => rowAt(from + i)),
  }
}

function internMetadata(
  metadata: readonly (LabelSet | undefined)[],
  rowCount: number,
  rowAt: (i: number) => number,
) {
  const sets: LabelSet[] = []
  const indexes = new Map<string, number>()
  const rowSets = new Uint32Array(rowCount)
  for (let i = 0; i < rowCount; i++) {
    const set = metadata[rowAt(i)] ?? []
    const text = JSON.stringify(set)
    let index = indexes.get(text)
    if (index === undefined) {
      index = sets.length
      sets.push(set)
      indexes.set(text, index)
    }
    rowSets[i] = index
  }
  return { sets, rowSets }
}
