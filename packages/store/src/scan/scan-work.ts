// Counts the work of one scan in one thread: what it reads and decompresses, and its CPU.

import type { LeafResult } from '@skald/query'
import { type BlockRecord, codecs } from '../segment/format.ts'

/** The work of one scan in this thread. */
export class ScanWork {
  #bytesRead = 0
  #bytesDecompressed = 0
  #falseHits = 0
  #cpuMs = 0

  /** Adds a read of one section of a block. It is decompressed next. */
  addRead({ offsetBytes, sections }: BlockRecord, atBytes: number, length: number): void {
    this.#bytesRead += length
    let start = offsetBytes
    for (const { codec, storedBytes, rawBytes } of sections) {
      if (start === atBytes && storedBytes === length) {
        if (codec !== codecs.raw) this.#bytesDecompressed += rawBytes
        return
      }
      start += storedBytes
    }
  }

  /** Adds a block that its filter let through and that had no row for the query. */
  addFalseHit(): void {
    this.#falseHits++
  }

  addCpu(cpuMs: number): void {
    this.#cpuMs += cpuMs
  }

  /** Returns the result of the scan, with the work in its statistics. */
  addTo(result: LeafResult): LeafResult {
    const stats = {
      ...result.stats,
      blockBytesRead: this.#bytesRead,
      bytesDecompressed: this.#bytesDecompressed,
      filterFalseHits: this.#falseHits,
      scanThreads: 1,
      scanCpuMs: this.#cpuMs,
      scanCpuMostMs: this.#cpuMs,
    }
    return { ...result, stats }
  }
}

/** Measures the CPU of this thread. */
export class CpuClock {
  #last = process.threadCpuUsage()

  /**
   * Returns the milliseconds of CPU since the last call. Linux counts a run of a few milliseconds only
   * when the thread waits or its turn ends, so it may come up in the next call.
   */
  lapMs(): number {
    const now = process.threadCpuUsage()
    const us = now.user - this.#last.user + (now.system - this.#last.system)
    this.#last = now
    return us / 1000
  }
}
