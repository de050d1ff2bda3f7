// When each chunk of a file was read, kept until its lines are settled.

import { chunksBeforePrune } from '../limits.ts'
import type { FileRecord } from './positions.ts'
import type { ReadTime, TimeJournal } from './time-journal.ts'

interface Chunk extends ReadTime {
  isNoted: boolean
}

/** Times of the lines of one file. */
export class ReadTimes {
  readonly #journal: TimeJournal
  readonly #record: FileRecord
  #chunks: Chunk[] = []
  readonly #pinned = new Map<number, bigint>()

  constructor(journal: TimeJournal, record: FileRecord) {
    this.#journal = journal
    this.#record = record
    const recovered = journal.recovered(record.id)
    for (const chunk of recovered?.chunks ?? []) {
      if (chunk.to > record.offset) this.#chunks.push({ ...chunk, isNoted: true })
    }
    for (const [offset, timeNs] of recovered?.pinned ?? []) this.#pinned.set(offset, timeNs)
  }

  /**
   * Begins a chunk at `from`. Returns where it must end, at most `to`, so that times from before a crash
   * are kept.
   */
  begin(from: number, to: number): void {
    let start = from
    for (const chunk of this.#chunks.toSorted((a, b) => a.from - b.from)) {
      if (chunk.to <= start || chunk.from >= to) continue
      if (chunk.from > start) this.#add(start, chunk.from)
      start = chunk.to
    }
    if (start < to) this.#add(start, to)
  }

  #add(from: number, to: number): void {
    this.#chunks.push({ from, to, timeNs: this.#journal.allocate(to - from), isNoted: false })
  }

  /** Returns the time of the line that starts at `offset`. */
  timeAt(offset: number): bigint {
    for (let i = this.#chunks.length - 1; i >= 0; i--) {
      const chunk = this.#chunks[i]!
      if (offset < chunk.from || offset >= chunk.to) continue
      if (!chunk.isNoted) {
        chunk.isNoted = true
        this.#journal.noteChunk(this.#record, chunk)
      }
      return chunk.timeNs + BigInt(offset - chunk.from)
    }
    return this.#journal.allocate(1)
  }

  /** Returns when the line at `offset`, or the last one before it, was read. Does not assign a time. */
  readAtNs(offset: number): bigint | undefined {
    const holding = this.#chunks.find(({ from, to }) => offset >= from && offset < to)
    return (holding ?? this.#chunks.at(-1))?.timeNs
  }

  /** Returns the time that the line at `offset` had before a crash, or else the proposed one. */
  pin(offset: number, proposedNs: bigint): bigint {
    const known = this.#pinned.get(offset)
    if (known !== undefined) return known
    this.#pinned.set(offset, proposedNs)
    this.#journal.notePinned(this.#record, offset, proposedNs)
    return proposedNs
  }

  /** Keeps the times of unsettled lines when the file is closed, for the next time it is read. */
  keep(): void {
    this.#journal.keep(this.#record.id, { chunks: this.#chunks, pinned: this.#pinned })
  }

  /** Forgets everything before a settled offset. */
  prune(settledOffset: number): void {
    if (this.#chunks.length > chunksBeforePrune) {
      this.#chunks = this.#chunks.filter(chunk => chunk.to > settledOffset)
    }
    if (this.#pinned.size > chunksBeforePrune) {
      for (const offset of this.#pinned.keys()) {
        if (offset < settledOffset) this.#pinned.delete(offset)
      }
    }
  }

  /** Yields the journal lines still needed when the position is `settledOffset`. */
  *journalLines(settledOffset: number): Iterable<string> {
    const id = JSON.stringify(this.#record.id)
    for (const { from, to, timeNs, isNoted } of this.#chunks) {
      if (isNoted && to > settledOffset) yield `{"f":${id},"o":${from},"e":${to},"t":"${timeNs}"}`
    }
    for (const [offset, timeNs] of this.#pinned) {
      if (offset >= settledOffset) yield `{"f":${id},"o":${offset},"p":"${timeNs}"}`
    }
  }
}
