// Remembers times of reading in a file next to the positions file. If a line gets its time of reading as
// timestamp, it must get the same time when it is read again after a crash, or the store would keep it
// twice. So each chunk gets one time when it is read, and each of its lines gets that time plus the line's
// offset in the chunk (which makes every line's time unique). The chunk's time is written here before the
// lines leave.
//
// One JSON object per line. A damaged line is ignored: the last one, or one that a full disk cut off.
//
//   {"f":id,"o":from,"e":to,"t":"ns"}   chunk [from, to) of file id was read at t
//   {"f":id,"o":offset,"p":"ns"}        the line at an offset got exactly this time
//   {"r":{...}}                         a file's record that may not be in the positions file yet

import { closeSync, fchmodSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { maxBigint } from '@skald/go-dialect'
import { privateFileMode } from '@skald/wire'
import type { Logger } from 'pino'
import { writeWhole } from '../files/whole-file.ts'
import { timesCompactBytes } from '../limits.ts'
import type { FileRecord } from './positions.ts'

/** A range of a file and the time at which it was read. */
export interface ReadTime {
  readonly from: number
  readonly to: number
  readonly timeNs: bigint
}

/** Times of one file found at a restart. */
export interface RecoveredTimes {
  readonly chunks: ReadTime[]
  readonly pinned: Map<number, bigint>
}

/** Assigns times and remembers them. */
export class TimeJournal {
  readonly #path: string
  readonly #logger: Logger
  readonly #known = new Map<string, RecoveredTimes>()
  readonly #newRecords: FileRecord[] = []
  readonly #announced = new Set<string>()
  #lines: (string | FileRecord)[] = []
  #fd: number | undefined
  #bytes = 0
  /** True if a write failed, so the file lacks something until it is rewritten. */
  #hasGap = false
  /** True if it has records of files that are forgotten. */
  #hasForgotten = false
  #lastNs = 0n
  #wallBaseNs = 0n
  #monotonicBaseNs = 0n

  constructor({ path, logger }: { readonly path: string; readonly logger: Logger }) {
    this.#path = path
    this.#logger = logger
    this.#load()
  }

  /** Records of files that were read but may not be in the positions file yet. */
  get records(): readonly FileRecord[] {
    return this.#newRecords
  }

  #load(): void {
    let text = ''
    try {
      text = readFileSync(this.#path, 'utf8')
    } catch {
      // Without a journal, no lines were on their way.
    }
    for (const line of text.split('\n')) {
      if (line === '') continue
      try {
        this.#loadLine(JSON.parse(line))
      } catch {
        // Cut off by a crash before its lines left, or by a full disk.
      }
    }
  }

  #loadLine(line: {
    f: string
    o: number
    e: number
    t: string
    p?: string
    r?: FileRecord
  }): void {
    if (line.r) {
      this.#newRecords.push(line.r)
      return
    }
    const times = this.#timesOf(line.f)
    const timeNs = BigInt(line.p ?? line.t)
    if (line.p === undefined) times.chunks.push({ from: line.o, to: line.e, timeNs })
    else times.pinned.set(line.o, timeNs)
    const endNs = line.p === undefined ? timeNs + BigInt(line.e - line.o) : timeNs
    if (endNs > this.#lastNs) this.#lastNs = endNs
  }

  #timesOf(id: string): RecoveredTimes {
    let times = this.#known.get(id)
    if (!times) {
      times = { chunks: [], pinned: new Map() }
      this.#known.set(id, times)
    }
    return times
  }

  /** Returns the times of a file that were assigned before this start. */
  recovered(id: string): RecoveredTimes | undefined {
    return this.#known.get(id)
  }

  /** Remembers the times of a closed file, as a restart would find them. */
  keep(id: string, times: RecoveredTimes): void {
    this.#known.set(id, times)
  }

  /** Assigns a time to a chunk of `length` bytes. No two chunks share a nanosecond. */
  allocate(length: number): bigint {
    const nowNs = this.#wallClockNs()
    const timeNs = maxBigint(nowNs, this.#lastNs)
    this.#lastNs = timeNs + BigInt(length)
    return timeNs
  }

  /** Returns the wall clock with the resolution of the monotonic clock. */
  #wallClockNs(): bigint {
    const monotonicNs = process.hrtime.bigint()
    const roughNs = BigInt(Date.now()) * 1_000_000n
    const fineNs = this.#wallBaseNs + (monotonicNs - this.#monotonicBaseNs)
    const driftNs = fineNs - roughNs
    if (driftNs > -5_000_000n && driftNs < 5_000_000n) return fineNs
    this.#wallBaseNs = roughNs
    this.#monotonicBaseNs = monotonicNs
    return roughNs
  }

  noteChunk(record: FileRecord, { from, to, timeNs }: ReadTime): void {
    this.#announce(record)
    this.#lines.push(`{"f":${JSON.stringify(record.id)},"o":${from},"e":${to},"t":"${timeNs}"}`)
  }

  notePinned(record: FileRecord, offset: number, timeNs: bigint): void {
    this.#announce(record)
    this.#lines.push(`{"f":${JSON.stringify(record.id)},"o":${offset},"p":"${timeNs}"}`)
  }

  #announce(record: FileRecord): void {
    if (this.#announced.has(record.id)) return
    this.#announced.add(record.id)
    this.#lines.push(record)
  }

  /**
   * Writes the pending entries. Called before lines leave, so a crash of the process loses nothing. If the
   * write fails, the lines leave anyway: full disks are when logs are needed.
   */
  flush(): void {
    if (this.#lines.length === 0) return
    const lines = this.#lines.map(line =>
      typeof line === 'string' ? line : JSON.stringify({ r: line }),
    )
    // The file may end in half a line.
    const text = `${this.#hasGap ? '\n' : ''}${lines.join('\n')}\n`
    this.#lines = []
    try {
      this.#fd ??= openPrivate(this.#path)
      writeFileSync(this.#fd, text)
      this.#bytes += text.length
    } catch (error) {
      if (!this.#hasGap) {
        this.#logger.error(
          { path: this.#path, error: (error as Error).message },
          'Cannot write the times journal: lines sent now arrive twice if the agent is killed',
        )
      }
      this.#hasGap = true
    }
  }

  /** Has it rewritten at the next save without the record of a file, which a restart would find again. */
  forget(): void {
    this.#hasForgotten = true
  }

  /**
   * Call it after positions are saved. If the journal has grown large, drops everything before the
   * positions; also writes what is missing from it.
   */
  trim(keep: () => Iterable<string>): void {
    if (this.#bytes < timesCompactBytes && !this.#hasGap && !this.#hasForgotten) return
    this.flush()
    this.rewrite(keep())
  }

  /** Replaces the journal with these lines. */
  rewrite(lines: Iterable<string>): void {
    this.close()
    this.#announced.clear()
    const text = [...lines, ''].join('\n')
    writeWhole(this.#path, text === '\n' ? '' : text)
    this.#bytes = 0
    if (this.#hasGap)
      this.#logger.info({ path: this.#path }, 'The times journal can be written again')
    this.#hasGap = false
    this.#hasForgotten = false
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

/**
 * Opens a file for appending that only its owner can read, even if an older version created it otherwise.
 */
function openPrivate(path: string): number {
  const fd = openSync(path, 'a', privateFileMode)
  fchmodSync(fd, privateFileMode)
  return fd
}
