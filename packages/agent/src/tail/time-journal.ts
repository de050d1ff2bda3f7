// Times of reading, remembered beside the positions file. A line whose time is the time of reading
// must get the same time again when it is read again after a crash, or the store would keep it twice.
// Therefore a chunk gets one time when it is read, its lines that time plus their offset in the chunk
// (so each line has a time of its own), and the chunk's time is written here before the lines leave.
//
// One JSON object per line; a torn line is ignored, the last one or one that a full disk has cut:
//   {"f":id,"o":from,"e":to,"t":"ns"}   chunk [from, to) of file id was read at t
//   {"f":id,"o":offset,"p":"ns"}        the line at an offset got this very time
//   {"r":{...}}                         the record of a file that positions may not know yet

import { closeSync, fchmodSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { maxBigint } from '@skald/go-dialect'
import { privateFileMode } from '@skald/wire'
import type { Logger } from 'pino'
import { writeWhole } from '../files/whole-file.ts'
import { timesCompactBytes } from '../limits.ts'
import type { FileRecord } from './positions.ts'

/** A stretch of a file and the time at which it was read. */
export interface ReadTime {
  readonly from: number
  readonly to: number
  readonly timeNs: bigint
}

/** Times of one file that a restart found. */
export interface RecoveredTimes {
  readonly chunks: ReadTime[]
  readonly pinned: Map<number, bigint>
}

/** Gives out times and remembers them. */
export class TimeJournal {
  readonly #path: string
  readonly #logger: Logger
  readonly #known = new Map<string, RecoveredTimes>()
  readonly #newRecords: FileRecord[] = []
  readonly #announced = new Set<string>()
  #lines: (string | FileRecord)[] = []
  #fd: number | undefined
  #bytes = 0
  /** Something could not be written, and is missing from the file until it is written anew. */
  #hasGap = false
  #lastNs = 0n
  #wallBaseNs = 0n
  #monotonicBaseNs = 0n

  constructor({ path, logger }: { readonly path: string; readonly logger: Logger }) {
    this.#path = path
    this.#logger = logger
    this.#load()
  }

  /** Records of files that were read but perhaps not yet in the positions file. */
  get records(): readonly FileRecord[] {
    return this.#newRecords
  }

  #load(): void {
    let text = ''
    try {
      text = readFileSync(this.#path, 'utf8')
    } catch {
      // No journal: nothing was under way.
    }
    for (const line of text.split('\n')) {
      if (line === '') continue
      try {
        this.#loadLine(JSON.parse(line))
      } catch {
        // Torn by a crash, so its lines did not leave, or by a full disk.
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

  /** Times of a file that were given out before this start. */
  recovered(id: string): RecoveredTimes | undefined {
    return this.#known.get(id)
  }

  /** Remembers times of a file that is closed, as a restart would find them. */
  keep(id: string, times: RecoveredTimes): void {
    this.#known.set(id, times)
  }

  /** Gives a time to a chunk of `length` bytes; no two chunks share a nanosecond. */
  allocate(length: number): bigint {
    const nowNs = this.#wallClockNs()
    const timeNs = maxBigint(nowNs, this.#lastNs)
    this.#lastNs = timeNs + BigInt(length)
    return timeNs
  }

  /** Wall clock with the resolution of the monotonic one. */
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
   * Writes what was noted; called before lines leave. A crash of the process loses nothing of it. Where
   * the disk refuses, they leave all the same: full disks are when logs are needed.
   */
  flush(): void {
    if (this.#lines.length === 0) return
    const lines = this.#lines.map(line =>
      typeof line === 'string' ? line : JSON.stringify({ r: line }),
    )
    // Half a line may stand at the end.
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
          'Cannot write times of reading: lines that are sent now come twice if the agent is killed',
        )
      }
      this.#hasGap = true
    }
  }

  /**
   * After positions were saved: forgets what lies before them when the journal has grown large, and
   * writes what is missing in it.
   */
  trim(keep: () => Iterable<string>): void {
    if (this.#bytes < timesCompactBytes && !this.#hasGap) return
    this.flush()
    this.rewrite(keep())
  }

  /** Replaces the journal by these lines. */
  rewrite(lines: Iterable<string>): void {
    this.close()
    this.#announced.clear()
    const text = [...lines, ''].join('\n')
    writeWhole(this.#path, text === '\n' ? '' : text)
    this.#bytes = 0
    if (this.#hasGap) this.#logger.info({ path: this.#path }, 'Times of reading are written again')
    this.#hasGap = false
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

/** Opens a file to append to, which is nobody else's to read, also where an older version made it. */
function openPrivate(path: string): number {
  const fd = openSync(path, 'a', privateFileMode)
  fchmodSync(fd, privateFileMode)
  return fd
}
