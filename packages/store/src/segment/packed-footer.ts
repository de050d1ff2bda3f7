// The footer of a merge's input as the bytes of the file. Records are decoded one stream at a time: a merge of
// very many streams would otherwise need hundreds of megabytes for them.

import { ascending } from '@skald/wire'
import { ByteReader } from './bytes.ts'
import { type BlockRecord, type PartGroups, readFooterBytes } from './format.ts'
import {
  decodeRecordsOf,
  type OutlinedPart,
  outlinePart,
  type PartOutline,
} from './part-outline.ts'
import { checkName, findFooter, type ReadRange } from './reader.ts'

interface FooterBytes {
  readonly segment: string
  readonly footerOffset: number
  readonly bytes: Buffer
}

/** The blocks of one tenant and day. */
export class PackedPart {
  readonly groups: PartGroups
  readonly #footer: FooterBytes
  readonly #outline: PartOutline

  constructor(footer: FooterBytes, { filters, counts, ...outline }: OutlinedPart) {
    this.groups = { filters, counts }
    this.#footer = footer
    this.#outline = outline
  }

  get tenant(): string {
    return this.#outline.tenant
  }

  get day(): number {
    return this.#outline.day
  }

  get streamCount(): number {
    return this.#outline.streamCount
  }

  /** Returns the canonical label set of a stream by its index. */
  labelsText(stream: number): string {
    const { textOffsets } = this.#outline
    const { bytes } = this.#footer
    return new ByteReader(bytes.subarray(textOffsets[stream]!, textOffsets[stream + 1]!)).text()
  }

  /** Returns the indexes of the streams, sorted by text. */
  sortedStreams(): Uint32Array {
    const order = Uint32Array.from({ length: this.streamCount }, (_, stream) => stream)
    let before = ''
    const isSorted = order.every(stream => {
      const text = this.labelsText(stream)
      const isNext = ascending(before, text) <= 0
      before = text
      return isNext
    })
    if (isSorted) return order
    const texts = Array.from(order, stream => this.labelsText(stream))
    return order.sort((a, b) => ascending(texts[a]!, texts[b]!))
  }

  /** Returns the index of a stream's first block in the part. */
  firstBlock(stream: number): number {
    return this.#outline.firstBlocks[stream]!
  }

  /** Decodes the records of a stream's blocks. @throws CorruptionError when they are damaged. */
  records(stream: number): BlockRecord[] {
    const { blockOffsets } = this.#outline
    const { bytes, ...footer } = this.#footer
    const ofStream = bytes.subarray(blockOffsets[stream]!, blockOffsets[stream + 1]!)
    return decodeRecordsOf(ofStream, { part: this.#outline, at: stream }, footer)
  }

  /** Yields the records of all blocks. @throws CorruptionError when they are damaged. */
  *allRecords(): Generator<BlockRecord> {
    for (let stream = 0; stream < this.streamCount; stream++) yield* this.records(stream)
  }
}

/**
 * Reads and checks the footer of a segment that is `sizeBytes` long. Returns its parts.
 * @throws CorruptionError when the file is incomplete, or its head, trailer or footer is damaged.
 */
export async function readPackedParts(
  segment: string,
  sizeBytes: number,
  read: ReadRange,
): Promise<PackedPart[]> {
  const place = await findFooter(segment, sizeBytes, read)
  const { footerOffset } = place
  const bytes = await read(footerOffset, place.footerBytes)
  const footer = readFooterBytes(segment, { bytes, place }, reader => outlinePart(reader))
  checkName(segment, footer)
  return footer.parts.map(part => new PackedPart({ segment, footerOffset, bytes }, part))
}
