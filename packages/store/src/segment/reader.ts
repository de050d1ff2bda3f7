// Reads a segment's footer through a read function, so that it works for any storage.

import { CorruptionError } from '../errors.ts'
import {
  decodeFooter,
  decodeTrailer,
  type FoundFooter,
  headerBytes,
  type SegmentFooter,
  trailerBytes,
  versionOfHeader,
} from './format.ts'
import { parseSegmentName } from './name.ts'

export interface FindOptions {
  /**
   * Whether to check the header too. It says nothing that the trailer does not say, so where it would cost
   * a request, it is not read.
   */
  readonly isHeaderRead?: boolean
}

/** Reads `length` bytes at `offsetBytes` of the segment. */
export type ReadRange = (offsetBytes: number, length: number) => Promise<Buffer>

/**
 * Reads and checks the footer of a segment that is `sizeBytes` long.
 * @throws CorruptionError when the file is incomplete, or its head, trailer or footer is damaged, or
 *   those of another segment.
 */
export async function readFooter(
  segment: string,
  sizeBytes: number,
  read: ReadRange,
  options: FindOptions = {},
): Promise<SegmentFooter> {
  const place = await findFooter(segment, sizeBytes, read, options)
  const bytes = await read(place.footerOffset, place.footerBytes)
  const footer = decodeFooter(segment, bytes, place)
  checkName(segment, footer)
  return footer
}

/** @throws CorruptionError when a footer does not fit the name of its file. Names of another kind fit all. */
export function checkName(
  segment: string,
  { level, sequence }: Pick<SegmentFooter, 'level' | 'sequence'>,
): void {
  const named = parseSegmentName(segment)
  if (!named) return
  const fail = (why: string) => {
    throw new CorruptionError(why, { segment, offsetBytes: 0 })
  }
  if (named.level !== level) fail(`level ${level}, but the name says ${named.level}`)
  // A merged segment gets a new number, above those of its inputs.
  if (level === 0 ? named.sequence !== sequence : named.sequence < sequence)
    fail(`sequence ${sequence} does not fit the number ${named.sequence} in the name`)
}

/**
 * Finds the footer of a segment that is `sizeBytes` long.
 * @throws CorruptionError when the file is incomplete, or its head or trailer is damaged.
 */
export async function findFooter(
  segment: string,
  sizeBytes: number,
  read: ReadRange,
  { isHeaderRead = true }: FindOptions = {},
): Promise<FoundFooter> {
  if (sizeBytes < headerBytes + trailerBytes) {
    throw new CorruptionError(`only ${sizeBytes} bytes`, { segment, offsetBytes: 0 })
  }
  const version = isHeaderRead ? versionOfHeader(await read(0, headerBytes)) : undefined
  if (isHeaderRead && version === undefined)
    throw new CorruptionError('no segment of this version', { segment, offsetBytes: 0 })
  const trailer = await read(sizeBytes - trailerBytes, trailerBytes)
  const place = decodeTrailer(segment, trailer, sizeBytes)
  if (isHeaderRead && place.version !== version)
    throw new CorruptionError('header and trailer have different versions', {
      segment,
      offsetBytes: 0,
    })
  return place
}
