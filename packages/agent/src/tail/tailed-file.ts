// One file that is being read, whatever its current path: descriptor, offset, the lines still on their way,
// and its record.

import assert from 'node:assert/strict'
import { close, fstatSync, read, readlinkSync, readSync, statSync } from 'node:fs'
import { promisify } from 'node:util'
import {
  fingerprint,
  identityKey,
  lookerAt,
  type OpenedFile,
  readerOf,
} from '../files/file-identity.ts'
import { comparedBehindBytesMax, lineBytesMax, tailBytesMax, waitedBytesMax } from '../limits.ts'
import { LineOrigin } from '../line/line-origin.ts'
import type { LineConsumer } from '../pipeline/pipeline.ts'
import type { TextEncoding } from './encoding.ts'
import { placeOf, recordKey } from './found-file.ts'
import { GzipContent } from './gzip-content.ts'
import { consumeLines, findLastLineFeed, findLineFeed, markLength } from './line-reader.ts'
import type { FileRecord } from './positions.ts'
import { ReadTimes } from './read-times.ts'
import { SeenContent } from './seen-content.ts'
import type { TimeJournal } from './time-journal.ts'

const readAsync = promisify(read)
const closeAsync = promisify(close)

const narrowLineFeed = Buffer.from('\n')
const nothing = Buffer.alloc(0)

/** The result of one read. */
export type ReadOutcome = 'more' | 'end' | 'paused' | 'truncated' | 'busy'

/** What a file reports to its owner. */
export interface TailedFileEvents {
  readonly onLines: (lineCount: number) => void
  /** Called when a line that starts at an offset is longer than the limit. It is skipped. */
  readonly onSkippedLine: (offset: number, bytesMax: number) => void
  /** Called when the end of a skipped line was found. */
  readonly onSkipped: (offset: number, end: number) => void
  /** Called when the rest of a compressed file is unreadable. */
  readonly onDamage: (problem: string) => void
}

/** An open file, read from a position on. */
export class TailedFile {
  readonly record: FileRecord
  readonly origin: LineOrigin
  readonly times: ReadTimes
  readonly #events: TailedFileEvents
  readonly #encoding: TextEncoding | undefined
  readonly #openConsumer: (origin: LineOrigin) => LineConsumer
  #consumer: LineConsumer | undefined
  #fd: number | undefined
  #gzip: GzipContent | undefined
  /** The text after a compressed file's last line feed, once it was read to its end. */
  #gzipRest: Buffer = nothing
  #readOffset: number
  readonly #seen = new SeenContent()
  /** True after a read found other content. */
  #isOverwritten = false
  #grown: Buffer | undefined
  /** Start of the line being skipped, if any. The position stays there. */
  #skippedFrom: number | undefined
  #isBusy = false
  /** End of the bytes already searched: they may contain an unfinished line. */
  #scannedOffset = 0
  readonly #openedMs = Date.now()
  /** Size when opened, for the progress of the backlog. */
  readonly initialSize: number
  readonly initialOffset: number

  constructor(options: {
    readonly record: FileRecord
    readonly opened: OpenedFile
    readonly gzipPath?: string
    readonly journal: TimeJournal
    readonly openConsumer: (origin: LineOrigin) => LineConsumer
    readonly events: TailedFileEvents
    /** Absent for UTF-8. */
    readonly encoding?: TextEncoding | undefined
  }) {
    this.#encoding = options.encoding
    const { record, opened } = options
    this.record = record
    this.#events = options.events
    this.#openConsumer = options.openConsumer
    this.#fd = opened.fd
    if (options.gzipPath !== undefined) this.#gzip = this.#openGzip(opened.fd)
    this.#readOffset = record.offset
    this.initialOffset = record.offset
    this.initialSize = this.#gzip ? record.offset : Number(opened.stats.size)
    this.times = new ReadTimes(options.journal, record)
    this.origin = new LineOrigin({
      name: record.path,
      readTime: offset => this.times.timeAt(offset),
      pinTime: (offset, timestampNs) => this.times.pin(offset, timestampNs),
    })
    if (!this.#gzip) this.#seen.read(opened.fd, record.offset)
  }

  #openGzip(fd: number): GzipContent {
    return new GzipContent(fd, problem => this.#events.onDamage(problem))
  }

  get key(): string {
    return recordKey(this.record)
  }

  get readOffset(): number {
    return this.#readOffset
  }

  get isOpen(): boolean {
    return this.#fd !== undefined
  }

  get isGzip(): boolean {
    return this.#gzip !== undefined
  }

  get isBusy(): boolean {
    return this.#isBusy
  }

  /** Returns the current size. For a closed or compressed file, returns the last known size. */
  size(): number {
    if (this.#fd === undefined || this.#gzip) return this.#readOffset + this.#gzipRest.length
    return fstatSync(this.#fd).size
  }

  /**
   * Returns how far the server is behind the file: the bytes it has not accepted, and the age of the first
   * of them. An unfinished last line counts only once it is sent.
   */
  lag(nowMs: number): { readonly bytes: number; readonly seconds: number } {
    const settled = this.settledOffset
    const size = this.size()
    const isIdle = settled === this.#readOffset && size <= this.#scannedOffset
    if (isIdle || size <= settled) return { bytes: 0, seconds: 0 }
    const readNs = this.times.readAtNs(settled)
    const sinceMs = readNs === undefined ? this.#openedMs : Number(readNs / 1_000_000n)
    return { bytes: size - settled, seconds: Math.max(0, nowMs - sinceMs) / 1000 }
  }

  /**
   * Returns true if the file is shorter than what was read, or holds other content now. `isReadNext` means
   * that the next read checks the content.
   */
  isTruncated({ isReadNext }: { readonly isReadNext: boolean }): boolean {
    if (this.#fd === undefined || this.#gzip || this.#isBusy) return false
    if (this.#isOverwritten) return true
    if (this.size() < this.#readOffset || this.#hasOtherHead()) return true
    // If it is read next, that read checks.
    return !isReadNext && this.#hasOtherBehind()
  }

  /** Returns true if the file no longer holds what was read, because it was overwritten. */
  #hasOtherContent(): boolean {
    return this.#hasOtherHead() || this.#hasOtherBehind()
  }

  #hasOtherHead(): boolean {
    if (this.#fd === undefined || this.#gzip) return false
    return this.#seen.hasOtherHead(this.#fd)
  }

  #hasOtherBehind(): boolean {
    if (this.#fd === undefined || this.#gzip) return false
    return this.#seen.hasOtherBehind(this.#fd, this.#readOffset)
  }

  /** Moves the position past bytes that were read from `offset` on. */
  #moveTo(position: number, bytes: Buffer, offset: number): void {
    this.#readOffset = position
    if (!this.#gzip) this.#seen.moveBehind(bytes, position - offset)
  }

  /**
   * Reads and passes on the next lines. Uses `buffer`, unless a line is longer. If only a few bytes up to
   * `seenSize` are unread, it waits for them: a change of thread would cost more.
   */
  async readLines(
    buffer: Buffer,
    mayGoOn?: () => boolean,
    seenSize = Number.POSITIVE_INFINITY,
  ): Promise<ReadOutcome> {
    if (this.#fd === undefined) return 'end'
    if (this.#isBusy) return 'busy'
    this.#isBusy = true
    try {
      const whole = this.#grown ?? buffer
      const position = this.#readOffset
      // Read the last bytes again, to check that they are still there.
      const behind = this.#gzip ? 0 : this.#seen.behindLength
      const isShort = seenSize > position && seenSize - position <= waitedBytesMax && !this.#gzip
      const length = isShort
        ? readSync(this.#fd, whole, 0, whole.length, position - behind) - behind
        : (await this.#read(whole, position - behind)) - behind
      // Closed or replaced by a copy during the read.
      if (this.#fd === undefined || position !== this.#readOffset) return 'more'
      if (length <= 0) return 'end'
      const isOther = behind > 0 && this.#seen.isOtherBehind(whole.subarray(0, behind), position)
      if (isOther || this.#hasOtherHead()) {
        this.#isOverwritten = true
        return 'truncated'
      }
      return this.#consume(whole.subarray(behind), length, mayGoOn)
    } finally {
      this.#isBusy = false
    }
  }

  async #read(into: Buffer, position: number): Promise<number> {
    if (this.#gzip) return this.#gzip.read(into, position)
    return (await readAsync(this.#fd!, into, 0, into.length, position)).bytesRead
  }

  #consume(bytes: Buffer, length: number, mayGoOn?: () => boolean): ReadOutcome {
    const offset = this.#readOffset
    this.#scannedOffset = offset + length
    if (this.#seen.addToHead(bytes, offset, length)) this.#updateHead()
    this.#gzipRest = nothing
    const isFull = length === bytes.length
    const lineFeed = this.#lineFeed()
    const lastLineFeed = findLastLineFeed(bytes, length, lineFeed)
    if (lastLineFeed < 0) return this.#noLine(bytes, length, isFull)
    let start = this.#markLength(bytes, length)
    if (this.#skippedFrom !== undefined) {
      start = findLineFeed(bytes, 0, lineFeed) + lineFeed.length
      this.#endSkipping(offset + start)
    }
    const linesEnd = lastLineFeed + lineFeed.length
    this.times.begin(offset + start, offset + linesEnd)
    const range = { start, end: linesEnd, offset, lineFeed }
    const mayTakeMore = () => !this.origin.isHeldUp && (mayGoOn?.() ?? true)
    const cut = consumeLines(bytes, range, this.#lineConsumer(), mayTakeMore)
    this.#grown = undefined
    this.#moveTo(offset + cut.end, bytes, offset)
    if (cut.lineCount > 0) this.#events.onLines(cut.lineCount)
    this.times.prune(this.settledOffset)
    if (cut.end < linesEnd) return 'paused'
    if (isFull) return 'more'
    this.#keepGzipRest(bytes, linesEnd, length)
    return 'end'
  }

  /** Returns the length of the byte order mark at the start of a UTF-8 file. */
  #markLength(bytes: Buffer, length: number): number {
    if (this.#readOffset > 0 || this.#encoding?.isUtf8 === false) return 0
    return markLength(bytes.subarray(0, length))
  }

  #keepGzipRest(bytes: Buffer, start: number, end: number): void {
    if (this.#gzip) this.#gzipRest = Buffer.from(bytes.subarray(start, end))
  }

  #lineFeed(): Buffer {
    return this.#encoding?.lineFeed(this.#seen.head) ?? narrowLineFeed
  }

  #lineConsumer(): LineConsumer {
    if (!this.#consumer) {
      const consumer = this.#openConsumer(this.origin)
      this.#consumer = this.#encoding?.decoding(consumer, this.#seen.head) ?? consumer
    }
    return this.#consumer
  }

  /** Gives the next lines a new consumer. Returns true if there was one before. */
  renewConsumer(): boolean {
    const hadConsumer = this.#consumer !== undefined
    this.#consumer = undefined
    return hadConsumer
  }

  /** Handles a read without a line end: waits for more, reads with a larger buffer, or skips the line. */
  #noLine(bytes: Buffer, length: number, isFull: boolean): ReadOutcome {
    if (this.#skippedFrom !== undefined) {
      this.#skip(bytes, length)
      return isFull ? 'more' : 'end'
    }
    if (!isFull) {
      this.#keepGzipRest(bytes, 0, length)
      return 'end'
    }
    if (bytes.length >= lineBytesMax) {
      this.#skippedFrom = this.#readOffset
      this.#events.onSkippedLine(this.#readOffset, lineBytesMax)
      this.#grown = undefined
      this.#skip(bytes, length)
    } else {
      const wanted = Math.min(bytes.length * 2, lineBytesMax)
      this.#grown = Buffer.allocUnsafeSlow(wanted + comparedBehindBytesMax)
    }
    return 'more'
  }

  /** Skips the bytes of an overlong line, except for half a code unit. */
  #skip(bytes: Buffer, length: number): void {
    const whole = length - (length % this.#lineFeed().length)
    this.#moveTo(this.#readOffset + whole, bytes, this.#readOffset)
  }

  #endSkipping(end: number): void {
    this.#events.onSkipped(this.#skippedFrom!, end)
    this.#skippedFrom = undefined
  }

  /**
   * Passes on the text after the last line feed, once the file is finished and its last line has no end.
   * Returns true if the file has then been read completely. Leaves whole lines to `readLines`.
   */
  consumeUnfinishedLine(): boolean {
    if (this.#fd === undefined) return true
    const rest = this.size() - this.#readOffset
    if (rest <= 0) {
      if (this.#skippedFrom !== undefined) this.#endSkipping(this.#readOffset)
      return true
    }
    if (this.#isBusy || rest > lineBytesMax) return false
    const bytes = this.#gzip ? this.#gzipRest : readerOf(this.#fd)(this.#readOffset, rest)
    if (findLastLineFeed(bytes, bytes.length, this.#lineFeed()) >= 0) return false
    this.#gzipRest = nothing
    const offset = this.#readOffset
    if (this.#skippedFrom !== undefined) {
      // The end of an overlong line.
      this.#endSkipping(offset + bytes.length)
      this.#moveTo(offset + bytes.length, bytes, offset)
      return true
    }
    const start = this.#markLength(bytes, bytes.length)
    if (bytes.length > start) {
      this.times.begin(offset + start, offset + bytes.length)
      this.#lineConsumer().consume(bytes, start, bytes.length, offset + start)
      this.#events.onLines(1)
    }
    this.#moveTo(offset + bytes.length, bytes, offset)
    return true
  }

  /** Returns the file's current name, while it is open and if the system reports it (Linux does). */
  pathNow(): string | undefined {
    if (this.#fd === undefined) return undefined
    try {
      const path = readlinkSync(`/proc/self/fd/${this.#fd}`)
      const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
      return stats && identityKey(stats) === this.key ? path : undefined
    } catch {
      // Another system, or the name exists only in another container.
      return undefined
    }
  }

  /** Everything before this offset is acknowledged or deliberately dropped. */
  get settledOffset(): number {
    // After a restart, skip the overlong line again from its start: its rest is not a line.
    return this.origin.settledOffset(this.#skippedFrom ?? this.#readOffset)
  }

  /** Closes the descriptor until `relocate`, unless a read is running. */
  release(): void {
    assert(this.#fd !== undefined)
    assert(!this.#isBusy)
    // Unread content helps to find the file again.
    if (!this.#gzip && !this.#hasOtherHead()) {
      this.#seen.readHead(this.#fd)
      this.#updateHead()
    }
    this.updateRecord()
    this.#gzip?.close()
    this.#gzip = undefined
    this.#gzipRest = nothing
    this.#grown = undefined
    void closeAsync(this.#fd)
    this.#fd = undefined
  }

  /** Continues in a file with the same content: itself, a copy or its compressed form. */
  relocate(opened: OpenedFile, foundAt: string, isGzip: boolean): void {
    if (this.#fd !== undefined) void closeAsync(this.#fd)
    this.#fd = opened.fd
    this.#gzip = isGzip ? this.#openGzip(opened.fd) : undefined
    this.#gzipRest = nothing
    if (isGzip) this.#seen.forgetBehind()
    this.#isOverwritten = false
    Object.assign(this.record, placeOf({ path: foundAt, stats: opened.stats }))
  }

  /** Updates the record with the settled position. */
  updateRecord(): FileRecord {
    const { record } = this
    const settled = this.settledOffset
    if (this.#fd !== undefined && !this.#gzip) {
      record.size = this.size()
      this.#updateHead()
      const isNew = settled > 0 && settled !== record.tail?.end
      // A file truncated meanwhile has other bytes there.
      if (isNew && settled <= record.size && !this.#hasOtherContent()) {
        const length = Math.min(tailBytesMax, settled)
        record.tail = fingerprint(lookerAt(this.#fd), settled, length) ?? record.tail
      }
    }
    record.offset = settled
    return record
  }

  #updateHead(): void {
    const { head } = this.#seen
    const { length } = head
    if (this.#gzip || length <= (this.record.head?.length ?? 0)) return
    this.record.head = fingerprint(() => head, length, length)
  }

  /** Closes the descriptor. Lines on their way still count. */
  close(): void {
    if (this.#fd === undefined) return
    this.updateRecord()
    const fd = this.#fd
    this.#fd = undefined
    this.#gzip?.close()
    this.#grown = undefined
    this.#seen.free()
    if (!this.#isBusy) void closeAsync(fd)
    else this.#closeWhenIdle(fd)
  }

  #closeWhenIdle(fd: number): void {
    if (this.#isBusy) setTimeout(() => this.#closeWhenIdle(fd), 10).unref()
    else void closeAsync(fd)
  }
}
