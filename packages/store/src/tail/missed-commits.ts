// What live tails missed that a stop or a kill of the store interrupted: the commits that the process
// before had not sent yet, and those of this process until the tails are back, for a while. Kept are the
// names; the segments stay on disk so long, compacted or not.

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

/** A segment of level 0. `isSent`: its entries are only to be known, so that they are not sent again. */
export interface MissedCommit {
  readonly segment: string
  readonly sizeBytes: number
  readonly isSent: boolean
}

export interface MissedCommitsOptions {
  readonly record: TailRecord
  readonly segments: Pick<SegmentIndex, 'acquire'>
  /** All segments that the store has at its start, oldest sequence first. */
  readonly stored: readonly SegmentInfo[]
  /** How long interrupted tails are waited for. */
  readonly waitMs?: number
}

interface KeptCommit {
  readonly segment: string
  readonly sizeBytes: number
  readonly sequence: number
  readonly release: () => Promise<void>
}

/** The commits that interrupted tails have still to be sent; empty where none was interrupted. */
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

  /** Takes in a commit while tails are waited for. */
  add(segment: string, sizeBytes: number): void {
    if (!this.#timer) return
    const { sequence } = parseSegmentName(segment)!
    const release = this.#segments.acquire([segment])
    this.#kept.push({ segment, sizeBytes, sequence, release })
    this.#keptBytes += sizeBytes
    // A tail that has missed so much begins as a new one.
    if (this.#kept.length > tailResumeCommitsMax || this.#keptBytes > tailResumeBytesMax) this.end()
  }

  /** What a tail was not sent that was served up to a commit; `undefined` when it is no longer there. */
  since(sent: number): readonly MissedCommit[] | undefined {
    if (!this.#timer) return undefined
    return this.#kept.map(({ segment, sizeBytes, sequence }) => ({
      ...{ segment, sizeBytes },
      isSent: sequence <= sent,
    }))
  }

  /** Waits no longer, and lets the segments go. */
  end(): void {
    if (!this.#timer) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    // Failures are logged where they happen.
    for (const { release } of this.#kept) void release()
    this.#kept = []
    this.#record.forgetInterrupted()
  }
}
