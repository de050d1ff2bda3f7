// Buffers one after the other in a file, so that a load of any size fits into memory: the file is
// written once, and its records are read one at a time.

import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'

/** Buffers that can be read by their number, from a file or from memory. */
export interface Records {
  readonly count: number
  /** Returns record `index`, from 0. */
  read(index: number): Buffer
}

/** Returns buffers in memory as records. */
export function recordsOf(buffers: readonly Buffer[]): Records {
  return { count: buffers.length, read: index => buffers[index]! }
}

/** Writes records to a new file. */
export class RecordWriter {
  readonly #file: number
  readonly #lengths: number[] = []

  constructor(path: string) {
    this.#file = openSync(path, 'w')
  }

  add(record: Buffer): void {
    let written = 0
    while (written < record.length) written += writeSync(this.#file, record, written)
    this.#lengths.push(record.length)
  }

  /** Syncs and closes the file. Returns the records' lengths in bytes, which reading needs. */
  close(): readonly number[] {
    // What the system writes later would take disk time from the server under test.
    fsyncSync(this.#file)
    closeSync(this.#file)
    return this.#lengths
  }
}

/** Records in a file. */
export class RecordFile implements Records {
  readonly count: number
  /** Size of all records. */
  readonly totalBytes: number
  readonly #file: number
  readonly #offsets: readonly number[]

  /** Opens a file whose records have these lengths in bytes. */
  constructor(path: string, lengths: readonly number[]) {
    const offsets = [0]
    for (const length of lengths) offsets.push(offsets.at(-1)! + length)
    this.#offsets = offsets
    this.count = lengths.length
    this.totalBytes = offsets.at(-1)!
    this.#file = openSync(path, 'r')
  }

  read(index: number): Buffer {
    const start = this.#offsets[index]!
    const record = Buffer.allocUnsafe(this.#offsets[index + 1]! - start)
    let filled = 0
    while (filled < record.length) {
      const count = readSync(this.#file, record, filled, record.length - filled, start + filled)
      if (count === 0) throw new Error(`Record ${index} ends after ${filled} bytes`)
      filled += count
    }
    return record
  }

  close(): void {
    closeSync(this.#file)
  }
}
