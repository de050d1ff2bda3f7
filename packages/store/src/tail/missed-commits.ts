// Keeps what interrupted live tails missed when the store was stopped or killed: the commits that
// the last process did not send, and those of this process until the tails return or time is up.
// Only names are kept. The segments stay on disk that long, compacted or not.

import type { SegmentInfo } from '../catalog/catalog.ts'
import {
  tailResumeBytesMax,
  tailResumeCommitsMax,
  tailResumeKnownCommits,
  tailResumeMs,
} from '../limits.ts'
import { parseSegmentName } from '../segment/name.ts'
import type { SegmentIndex } from '../segment-index.ts'
import type { TailRecord } from './tail-record.ts'

/**
 * A segment of level 0. If `isSent`, its entries are only remembered, so that they are not sent
 * again.
 */
export interface MissedCommit {
  readonly segment: string
  readonly sizeBytes: number
  readonly isSent: boolean
}

export interface MissedCommitsOptions {
  readonly record: TailRecord
  readonly segments: Pick<SegmentIndex, 'acquire'>
  /** All segments at the start of the store, oldest sequence first. */
  readonly stored: readonly SegmentInfo[]
  /** How long to wait for interrupted tails. */
  readonly waitMs?: number
}

interface KeptCommit {
  readonly segment: string
  readonly sizeBytes: number
  readonly sequence: number
  readonly release: () => Promise<void>
}

/** The commits that interrupted tails still need; empty if none was interrupted. */
export class MissedCommits {
  readonly #record: TailRecord
  readonly #segments: Pick<SegmentIndex, 'acquire'>
  #kept: KeptCommit[] = []
  #keptBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: MissedCommitsOptions) {
    const { record, segments, stored, waitMs = tailResumeMs } = options
    this.#record = record
    this.#segments = segments
    if (record.interrupted.length === 0) return
    this.#timer = setTimeout(() => this.end(), waitMs)
    this.#timer.unref()
    const sent = Math.min(...record.interrupted)
    const level0 = stored.filter(({ level }) => level === 0)
    const known = level0.filter(({ sequence }) => sequence <= sent).slice(-tailResumeKnownCommits)
    const missed = level0.filter(({ sequence }) => sequence > sent)
    for (const { name, sizeBytes } of [...known, ...missed]) this.add(name, sizeBytes)
  }

  /** Adds a commit while interrupted tails may still return. */
  add(segment: string, sizeBytes: number): void {
    if (!this.#timer) return
    const { sequence } = parseSegmentName(segment)!
    const release = this.#segments.acquire([segment])
    this.#kept.push({ segment, sizeBytes, sequence, release })
    this.#keptBytes += sizeBytes
    // A tail that missed this much starts as a new one.
    if (this.#kept.length > tailResumeCommitsMax || this.#keptBytes > tailResumeBytesMax) this.end()
  }

  /**
   * Returns what a tail missed after the commit `sent`, or `undefined` if it is no longer kept.
   */
  since(sent: number): readonly MissedCommit[] | undefined {
    if (!this.#timer) return undefined
    return this.#kept.map(({ segment, sizeBytes, sequence }) => ({
      ...{ segment, sizeBytes },
      isSent: sequence <= sent,
    }))
  }

  /** Stops waiting and releases the segments. */
  end(): void {
    if (!this.#timer) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    // Errors are logged where they occur.
    for (const { release } of this.#kept) void release()
    this.#kept = []
    this.#record.forgetInterrupted()
  }
}
