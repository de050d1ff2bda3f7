// What a query leaves out because it cannot be read: whole segments, or some of their blocks. The
// rest of the answer is right, and its warnings name what is missing.

import { basename } from 'node:path'
import { damagedBlocksMax, damageWarningsMax } from '../limits.ts'
import { type BlockRecord, storedBytes } from '../segment/format.ts'
import { parseSegmentName } from '../segment/name.ts'

/** An error of a scan, whatever thread it comes from. */
interface ScanError extends Error {
  readonly code?: string
  /** Of a system error. */
  readonly path?: string
  readonly segment?: string
  readonly offsetBytes?: number
}

interface Unread {
  /** Undefined if the whole segment is left out. */
  readonly offsets: number[] | undefined
  readonly why: string
}

/** What one query leaves out. */
export class LeftOut {
  readonly #unread = new Map<string, Unread>()

  get isEmpty(): boolean {
    return this.#unread.size === 0
  }

  /** Returns true if anything of a segment is left out. */
  isIn(segment: string): boolean {
    return this.#unread.has(segment)
  }

  /** Returns true if all of a segment is left out. */
  hasSegment(segment: string): boolean {
    const known = this.#unread.get(segment)
    return known !== undefined && known.offsets === undefined
  }

  hasBlock(segment: string, record: BlockRecord): boolean {
    const known = this.#unread.get(segment)
    if (!known) return false
    if (!known.offsets) return true
    const end = record.offsetBytes + storedBytes(record)
    return known.offsets.some(offset => record.offsetBytes <= offset && offset < end)
  }

  /** Leaves out a segment. */
  addSegment(segment: string, why: string): void {
    this.#unread.set(segment, { offsets: undefined, why })
  }

  /**
   * Leaves out the block that an error is about, or the whole segment once many of its blocks are
   * damaged. Returns the segment, or `undefined` if the error is about something else.
   */
  addError({ code, segment, offsetBytes, message }: ScanError): string | undefined {
    const isUnreadable = code === 'CORRUPTION' || code === 'EIO'
    if (!isUnreadable || segment === undefined || offsetBytes === undefined) return undefined
    const known = this.#unread.get(segment)
    if (known && !known.offsets) return undefined
    const offsets = known?.offsets ?? []
    const isLast = offsets.includes(offsetBytes) || offsets.length >= damagedBlocksMax
    if (isLast) this.addSegment(segment, known?.why ?? message)
    else
      this.#unread.set(segment, { offsets: [...offsets, offsetBytes], why: known?.why ?? message })
    return segment
  }

  /** Leaves out the segment that an error says is gone. Returns it, if there is one. */
  addMissing({ code, path, message }: ScanError): string | undefined {
    if (code !== 'ENOENT' || path === undefined) return undefined
    const segment = basename(path)
    if (!parseSegmentName(segment)) return undefined
    this.addSegment(segment, message)
    return segment
  }

  /** Returns the texts for the client. */
  warnings(): string[] {
    const texts = [...this.#unread.values()].map(({ why }) => `lines are missing: ${why}`)
    if (texts.length <= damageWarningsMax) return texts
    const rest = texts.length - damageWarningsMax
    return [...texts.slice(0, damageWarningsMax), `lines of ${rest} more segments are missing`]
  }
}
