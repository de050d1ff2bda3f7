// Reads a segment's footer through a read function, so that it works for any storage.

import { CorruptionError } from '../errors.ts'
import {
  decodeFooter,
  decodeTrailer,
  headerBytes,
  type SegmentFooter,
  trailerBytes,
  versionOfHeader,
} from './format.ts'

/** Reads `length` bytes at `offsetBytes` of the segment. */
export type ReadRange = (offsetBytes: number, length: number) => Promise<Buffer>

/**
 * Reads and checks the footer of a segment that is `sizeBytes` long.
 * @throws CorruptionError when the file is incomplete, or its head, trailer or footer is damaged.
 */
export async function readFooter(
  segment: string,
  sizeBytes: number,
  read: ReadRange,
): Promise<SegmentFooter> {
  if (sizeBytes < headerBytes + trailerBytes) {
    throw new CorruptionError(`only ${sizeBytes} bytes`, { segment, offsetBytes: 0 })
  }
  const version = versionOfHeader(await read(0, headerBytes))
  if (version === undefined)
    throw new CorruptionError('no segment of this version', { segment, offsetBytes: 0 })
  const trailer = await read(sizeBytes - trailerBytes, trailerBytes)
  const place = decodeTrailer(segment, trailer, sizeBytes)
  if (place.version !== version)
    throw new CorruptionError('header and trailer have different versions', {
      segment,
      offsetBytes: 0,
    })
  return decodeFooter(segment, await read(place.footerOffset, place.footerBytes), place)
}
