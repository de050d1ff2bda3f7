// Entries for several clients. The frames are formatted once and shared by all clients that keep
// up.

import { formatTailFrame, type TailForm } from '@skald/query'
import { tailFrameBytesMax, tailFrameEntriesMax } from '../limits.ts'
import { type TailEntry, tailEntryBytes } from './messages.ts'

/** Format of a client's frames. */
export interface FrameStyle {
  readonly form: TailForm
  readonly encodingFlags: readonly string[]
}

/** The entries of one commit, or of a part of it, for one query. */
export class TailBatch {
  readonly entries: readonly TailEntry[]
  readonly bytes: number
  /** Whether entries are missing that must be reported to clients. */
  readonly hasLost: boolean
  readonly #frames = new Map<string, readonly Buffer[]>()

  constructor(entries: readonly TailEntry[]) {
    this.entries = entries
    this.bytes = entries.reduce((sum, entry) => sum + tailEntryBytes(entry), 0)
    this.hasLost = entries.some(({ isLost }) => isLost)
  }

  /** Returns all entries as frames. */
  frames(style: FrameStyle): readonly Buffer[] {
    const key = `${style.form} ${style.encodingFlags.join(',')}`
    let frames = this.#frames.get(key)
    if (!frames) {
      frames = cutFrames(this.entries).map(part => Buffer.from(formatTailFrame(part, [], style)))
      this.#frames.set(key, frames)
    }
    return frames
  }
}

function cutFrames(entries: readonly TailEntry[]): TailEntry[][] {
  const frames: TailEntry[][] = []
  for (let from = 0; from < entries.length; ) {
    const to = frameEnd(entries, from)
    frames.push(entries.slice(from, to))
    from = to
  }
  return frames
}

/** Returns where the frame that starts at `from` ends. */
export function frameEnd(entries: readonly TailEntry[], from: number): number {
  let to = from
  for (let bytes = 0; to < entries.length && bytes < tailFrameBytesMax; to++) {
    if (to - from >= tailFrameEntriesMax) break
    bytes += tailEntryBytes(entries[to]!)
  }
  return to
}
