// Reads one compressed file of a job with `decompression`, once, from start to end. Its position is a line
// number, like in Promtail. `mixed-tailer.ts` sorts out files that are not compressed.

import { type BigIntStats, createReadStream, statSync } from 'node:fs'
import { lineBytesMax } from '../limits.ts'
import { LineOrigin } from '../line/line-origin.ts'
import type { LineConsumer } from '../pipeline/pipeline.ts'
import { type CompressionFormat, createDecompressor, isWhole } from './decompressor.ts'
import { markLength } from './line-reader.ts'
import type { FileRecord } from './positions.ts'
import type { Reader } from './read-scheduler.ts'
import { ReadTimes } from './read-times.ts'
import type { ReadOutcome } from './tailed-file.ts'
import type { TailerContext } from './tailer.ts'

/** How a job's files are compressed. */
export interface Decompression {
  readonly format: CompressionFormat
  readonly initialDelayMs: number
}

const lineFeed = 0x0a
const carriageReturn = 0x0d

/** Reads a compressed file, as a Tailer reads a plain one. */
export class CompressedTailer implements Reader {
  readonly path: string
  readonly #context: TailerContext
  readonly #format: Decompression['format']
  #state: 'waiting' | 'reading' | 'ended' = 'waiting'
  #isLeaving = false
  #isHalted = false
  #isBusy = false
  #record: FileRecord | undefined
  #origin: LineOrigin | undefined
  #times: ReadTimes | undefined
  #consumer: LineConsumer | undefined
  #chunks: AsyncIterator<Buffer> | undefined
  #close: (() => void) | undefined
  /** Pieces of the text after the last line feed. */
  #rest: Buffer[] = []
  #restBytes = 0
  /** True while the current line is longer than the limit. */
  #isSkipping = false
  /** Lines read so far. */
  #line = 0
  readonly isAlias = false
  readonly foundAt = undefined
  readonly mayChangeUnseen = true
  readonly sizeBytes = undefined

  constructor(path: string, context: TailerContext, format: Decompression['format']) {
    this.path = path
    this.#context = context
    this.#format = format
  }

  get openCount(): number {
    return this.#state === 'waiting' ? 0 : 1
  }

  get readOffset(): number {
    return this.#line
  }

  get isDone(): boolean {
    return this.#isLeaving && this.#state !== 'reading'
  }

  get isLeaving(): boolean {
    return this.#isLeaving
  }

  leave(): void {
    this.#isLeaving = true
  }

  /** Gives the rest of the file a new consumer with other labels. */
  renewConsumers(): void {
    if (this.#state === 'reading') this.#consumer = this.#openConsumer(this.#origin!)
  }

  #openConsumer(origin: LineOrigin): LineConsumer {
    const consumer = this.#context.openConsumer(origin)
    return this.#context.encoding?.decoding(consumer, Buffer.alloc(0)) ?? consumer
  }

  stay(): void {
    this.#isLeaving = false
  }

  halt(): void {
    this.#isHalted = true
  }

  get isSettled(): boolean {
    return !this.#isBusy && this.#origin?.hasUnsettled !== true
  }

  poll(): boolean {
    if (this.#state === 'waiting') {
      const stats = this.#stat()
      if (!stats?.isFile()) return false
      this.#open(stats)
    }
    return this.#state === 'reading'
  }

  #stat(): BigIntStats | undefined {
    try {
      return statSync(this.path, { bigint: true, throwIfNoEntry: false })
    } catch {
      // A loop of links, or unreadable: treat it as missing.
      return undefined
    }
  }

  #open(stats: BigIntStats): void {
    const { known, scope, journal, scheduler } = this.#context
    const saved = Number(known.savedOffset(this.path) ?? 0)
    const offset = Number.isSafeInteger(saved) ? saved : 0
    const found = { scope, path: this.path, foundAt: this.path, stats, offset, countsLines: true }
    const record = known.find(scope, stats) ?? known.create(found)
    this.#record = record
    const times = new ReadTimes(journal, record)
    this.#times = times
    this.#origin = new LineOrigin({
      name: this.path,
      readTime: line => times.timeAt(line),
      pinTime: (line, timestampNs) => times.pin(line, timestampNs),
    })
    this.#consumer = this.#openConsumer(this.#origin)
    known.opened({
      ...{ record, origin: this.#origin, times, isOpen: true },
      updateRecord: () => this.#updateRecord(record),
    })
    const { input, output } = createDecompressor(this.#format)
    const file = createReadStream(this.path)
    file.on('error', error => output.destroy(error))
    // An error may come before anybody reads. The reader gets it anyway.
    output.on('error', () => undefined)
    file.pipe(input)
    this.#chunks = output[Symbol.asyncIterator]()
    this.#close = () => {
      file.destroy()
      output.destroy()
    }
    this.#state = 'reading'
    scheduler.request(this)
  }

  #updateRecord(record: FileRecord): FileRecord {
    record.offset = Math.max(record.offset, this.#origin!.settledOffset(this.#line))
    return record
  }

  async read(): Promise<ReadOutcome> {
    if (this.#state !== 'reading' || this.#isHalted) return 'end'
    if (this.#origin!.isHeldUp) {
      this.#origin!.onReleased = () => this.#context.scheduler.request(this)
      return 'paused'
    }
    this.#isBusy = true
    try {
      const { value, done } = await this.#chunks!.next()
      if (!done) {
        this.#take(value)
        return 'more'
      }
      // Truncation shows only here.
      if (this.#restBytes > 0 && !(await isWhole(this.path, this.#format))) {
        throw new Error('it is truncated')
      }
    } catch (error) {
      const { logger } = this.#context
      const fields = { path: this.path, error: (error as Error).message }
      logger.warn(fields, 'Compressed file is damaged: the rest is not read')
      // It is read again after each restart.
      if (!this.#record!.isDamaged) {
        this.#record!.isDamaged = true
        this.#context.countLost({ kind: 'damaged', bytes: 0, origin: this.#origin! })
      }
      // Drop an unfinished line.
      this.#takeRest()
    } finally {
      this.#isBusy = false
    }
    if (this.#state === 'reading') this.#end()
    return 'end'
  }

  #take(chunk: Buffer): void {
    let count = 0
    for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, at + 1)) count++
    this.#times!.begin(this.#line, this.#line + count)
    let start = 0
    for (let i = 0; i < count; i++) {
      const end = chunk.indexOf(lineFeed, start)
      if (i > 0 || (this.#restBytes === 0 && !this.#isSkipping)) this.#consume(chunk, start, end)
      else this.#endLine(chunk.subarray(0, end))
      start = end + 1
    }
    this.#keep(chunk.subarray(start))
  }

  /** Completes a line whose earlier pieces are kept. */
  #endLine(last: Buffer): void {
    this.#keep(last)
    const isSkipped = this.#isSkipping
    const bytes = this.#takeRest()
    if (isSkipped) this.#line++
    else this.#consume(bytes, 0, bytes.length)
  }

  #keep(piece: Buffer): void {
    if (this.#isSkipping || piece.length === 0) return
    this.#rest.push(Buffer.from(piece))
    this.#restBytes += piece.length
    if (this.#restBytes <= lineBytesMax) return
    this.#rest = []
    this.#restBytes = 0
    this.#isSkipping = true
    if (this.#line < this.#record!.offset) return
    this.#context.countSkippedLine()
    const fields = { path: this.path, line: this.#line + 1, bytesMax: lineBytesMax }
    this.#context.logger.warn(fields, 'Line is longer than any may be: it is skipped')
  }

  #takeRest(): Buffer {
    const bytes = Buffer.concat(this.#rest)
    this.#rest = []
    this.#restBytes = 0
    this.#isSkipping = false
    return bytes
  }

  #consume(bytes: Buffer, start: number, end: number): void {
    const line = this.#line++
    if (line < this.#record!.offset) return
    const isUtf8 = this.#context.encoding?.isUtf8 ?? true
    const from = line === 0 && isUtf8 ? start + markLength(bytes.subarray(start, end)) : start
    const hasReturn = end > from && bytes[end - 1] === carriageReturn
    this.#consumer!.consume(bytes, from, hasReturn ? end - 1 : end, line)
    this.#context.metrics.countLines(1)
  }

  #end(): void {
    if (this.#restBytes > 0) {
      this.#times!.begin(this.#line, this.#line + 1)
      const bytes = this.#takeRest()
      this.#consume(bytes, 0, bytes.length)
    }
    this.#context.finishOrigin(this.#origin!)
    this.#state = 'ended'
    this.#context.known.saveSoon()
  }

  close(): void {
    this.#close?.()
    if (this.#record) this.#updateRecord(this.#record)
    this.#times?.keep()
    if (this.#state === 'reading') this.#state = 'ended'
  }
}
