// Takes segments out of use that compaction cannot read, so that it goes on with the rest. Nothing is
// deleted: what is damaged stays in `quarantine`, where a person can look at it.

import { basename } from 'node:path'
import type { Logger } from 'pino'
import type { Catalog } from '../catalog/catalog.ts'
import { parseSegmentName } from '../segment/name.ts'
import type { SegmentIndex } from '../segment-index.ts'

export interface UnreadableSegmentsParts {
  readonly catalog: Catalog
  readonly segments: SegmentIndex
  readonly logger: Logger
  readonly onDamage?: (segment: string) => void
}

/** An error with what it is about, from this thread or another. */
interface SegmentError extends Error {
  readonly code?: string
  readonly path?: string
  readonly segment?: string
}

/** The segments that cannot be read. */
export class UnreadableSegments {
  readonly #parts: UnreadableSegmentsParts

  constructor(parts: UnreadableSegmentsParts) {
    this.#parts = parts
  }

  /** Returns true if an error says that a segment is damaged or missing. */
  isAbout(error: Error): boolean {
    return segmentOf(error) !== undefined
  }

  /**
   * Takes the segment of an error out of the catalog. Returns false if the error is about no segment,
   * or if the segment could not be taken out now. If it was an input and another process has replaced it, nothing
   * needs to be done.
   */
  async leaveOut(error: SegmentError, inputs: readonly string[]): Promise<boolean> {
    const { catalog, segments, logger, onDamage } = this.#parts
    const name = segmentOf(error)
    if (name === undefined) return false
    try {
      const known = await catalog.listSegments()
      if (!known.some(segment => segment.name === name)) return inputs.includes(name)
      const isMissing = error.code === 'ENOENT'
      if (isMissing) await catalog.removeSegments([name])
      else {
        await segments.keepAside(name)
        await catalog.addSegments([], [name])
        await segments.drop([name])
      }
      onDamage?.(name)
      logger.error(
        { segment: name, damage: error.message },
        isMissing
          ? 'a segment is missing, its entries are lost unless its file comes back'
          : 'a segment is damaged and cannot be merged: it is in quarantine, and its entries are not found any more',
      )
      return true
    } catch (failure) {
      logger.warn({ err: failure, segment: name }, 'cannot take a damaged segment out of use yet')
      return false
    }
  }

  /**
   * Keeps a segment that is about to be replaced without some of its blocks.
   * @throws the storage's error.
   */
  async keepBlocksOf(segment: string, damage: string): Promise<void> {
    const { segments, logger, onDamage } = this.#parts
    await segments.keepAside(segment)
    onDamage?.(segment)
    logger.error(
      { segment, damage },
      'blocks of a segment are damaged and were left out of a merge: the whole segment is in quarantine',
    )
  }
}

function segmentOf({ code, path, segment }: SegmentError): string | undefined {
  if (code === 'CORRUPTION') return segment
  if (code !== 'ENOENT' || path === undefined) return undefined
  const name = basename(path)
  return parseSegmentName(name) ? name : undefined
}
