// Knows where a large footer has each stream and its blocks, in a few bytes for each. So a query for few
// streams of very many reads only theirs, and memory does not grow with the others.

import { ByteWriter } from './bytes.ts'
import { type BlockRecord, type FoundFooter, readFooterBytes, type SegmentPart } from './format.ts'
import { decodeRecordsOf, type OutlinedPart, outlinePart } from './part-outline.ts'
import { checkName, type ReadRange } from './reader.ts'

/** A part with only some of its streams. */
export interface PartialPart extends SegmentPart {
  /** Index of each block in the whole part. */
  readonly blockIndexes: readonly number[]
  readonly blockCount: number
}

interface HashedPart extends OutlinedPart {
  /** Hash of each label text. */
  readonly hashes: Uint32Array
}

/** The outline of one footer. Create it with readOutline. */
export class FooterOutline {
  readonly #segment: string
  readonly #footerOffset: number
  readonly #parts: readonly HashedPart[]

  constructor(segment: string, footerOffset: number, parts: readonly HashedPart[]) {
    this.#segment = segment
    this.#footerOffset = footerOffset
    this.#parts = parts
  }

  /** Memory that it takes, in bytes. */
  get costBytes(): number {
    return this.#parts.reduce((sum, { streamCount }) => sum + 16 * streamCount, 1024)
  }

  /**
   * Reads the parts of a tenant with only the given streams.
   * @throws CorruptionError when what it reads is no footer any more.
   */
  async read(
    tenant: string,
    labelsTexts: Iterable<string>,
    readRange: ReadRange,
  ): Promise<PartialPart[]> {
    const wanted = [...labelsTexts].map(wantedText)
    const found: PartialPart[] = []
    for (const part of this.#parts) {
      if (part.tenant !== tenant) continue
      const streams: string[] = []
      const blocks: BlockRecord[] = []
      const blockIndexes: number[] = []
      const sorted: { readonly at: number; readonly text: string }[] = []
      for (const one of wanted) {
        const at = await this.#find(part, one, readRange)
        if (at !== undefined) sorted.push({ at, text: one.text })
      }
      sorted.sort((a, b) => a.at - b.at)
      for (const { at, text } of sorted) {
        for (const [i, record] of (await this.#records(part, at, readRange)).entries()) {
          blocks.push({ ...record, stream: streams.length })
          blockIndexes.push(part.firstBlocks[at]! + i)
        }
        streams.push(text)
      }
      const { day, filters, counts, blockCount } = part
      found.push({ tenant, day, streams, blocks, filters, counts, blockIndexes, blockCount })
    }
    return found
  }

  /** Returns the index of a stream in a part. */
  async #find(
    part: HashedPart,
    { hash, stored }: WantedText,
    read: ReadRange,
  ): Promise<number | undefined> {
    for (let at = part.hashes.indexOf(hash); at >= 0; at = part.hashes.indexOf(hash, at + 1)) {
      const bytes = await read(this.#footerOffset + part.textOffsets[at]!, stored.length)
      if (bytes.equals(stored)) return at
    }
    return undefined
  }

  async #records(part: HashedPart, at: number, read: ReadRange): Promise<BlockRecord[]> {
    const from = part.blockOffsets[at]!
    const bytes = await read(this.#footerOffset + from, part.blockOffsets[at + 1]! - from)
    const footer = { segment: this.#segment, footerOffset: this.#footerOffset }
    return decodeRecordsOf(bytes, { part, at }, footer)
  }
}

/**
 * Reads and checks a footer, and keeps only its outline.
 * @throws CorruptionError when the footer is damaged.
 */
export async function readOutline(
  segment: string,
  place: FoundFooter,
  read: ReadRange,
): Promise<FooterOutline> {
  const bytes = await read(place.footerOffset, place.footerBytes)
  const footer = readFooterBytes(segment, { bytes, place }, reader => {
    const hashes: number[] = []
    const outlined = outlinePart(reader, (from, to) => hashes.push(hashOf(bytes, from, to)))
    return { ...outlined, part: { ...outlined.part, hashes: Uint32Array.from(hashes) } }
  })
  checkName(segment, footer)
  return new FooterOutline(segment, place.footerOffset, footer.parts)
}

interface WantedText {
  readonly text: string
  readonly hash: number
  /** As it is in a footer. */
  readonly stored: Buffer
}

function wantedText(text: string): WantedText {
  const writer = new ByteWriter(256)
  writer.text(text)
  const stored = writer.finish()
  return {
    text,
    hash: hashOf(stored, stored.length - Buffer.byteLength(text), stored.length),
    stored,
  }
}

/** FNV-1a of some bytes. */
function hashOf(bytes: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash >>> 0
}
