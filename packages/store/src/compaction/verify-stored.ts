// Checks blocks that a merge takes over without decoding them.

import { BlockReader } from '../segment/block.ts'
import { type BlockRecord, sectionNames } from '../segment/format.ts'

/** Checks the stored bytes of a block against its checksums. @throws CorruptionError */
export function verifyStored(segment: string, record: BlockRecord, bytes: Buffer): void {
  const { offsetBytes } = record
  const reader = new BlockReader(segment, record, (offset, length) =>
    bytes.subarray(offset - offsetBytes, offset - offsetBytes + length),
  )
  reader.verify(sectionNames)
}
