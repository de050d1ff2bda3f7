// Splits a push that a server refused, so that the entries it will not take are parted from those that
// it will: between two streams first, then within one.

import { PushBatchEncoder, type PushStream, snappyCompress, snappyDecompress } from '@skald/wire'
import { sampleCharactersMax, splitBytesMax } from '../limits.ts'

/** A push, or a part of one, as it goes over the wire. */
export interface PushPiece {
  readonly body: Buffer
  readonly entryCount: number
}

/** The first entry of a push, to be shown to people. */
export interface EntrySample {
  readonly stream: string
  readonly line: string
}

/** Splits a push into two halves in the same order; `undefined` where it has one entry. */
export async function splitPush({
  body,
  entryCount,
}: PushPiece): Promise<[PushPiece, PushPiece] | undefined> {
  if (entryCount < 2) return undefined
  const streams = await unpack(body)
  const middle = streams.length > 1 ? middleOfStreams(streams) : entryCount >> 1
  return [encodeRange(streams, 0, middle), encodeRange(streams, middle, entryCount)]
}

/** Shows the first entry of a push; its line is cut to what fits into a log. */
export async function sampleOf({ body }: PushPiece): Promise<EntrySample> {
  const [stream] = await unpack(body)
  if (!stream || stream.entryCount === 0) return { stream: stream?.labelsText ?? '', line: '' }
  const start = stream.lineOffsets[0]!
  const line = stream.bytes.toString('utf8', start, start + stream.lineLengths[0]!)
  return { stream: stream.labelsText, line: line.slice(0, sampleCharactersMax) }
}

async function unpack(body: Buffer): Promise<PushStream[]> {
  // Loaded when a push is refused: protobuf's library is a good part of what an idle agent would take.
  const { decodePushRequest } = await import('@skald/wire/push-codec')
  return decodePushRequest(snappyDecompress(body, splitBytesMax))
}

/** Entries of the first half of the streams. */
function middleOfStreams(streams: readonly PushStream[]): number {
  let count = 0
  for (const stream of streams.slice(0, streams.length >> 1)) count += stream.entryCount
  return count
}

function encodeRange(streams: readonly PushStream[], from: number, to: number): PushPiece {
  const encoder = new PushBatchEncoder()
  let first = 0
  for (const stream of streams) {
    const start = Math.max(from - first, 0)
    const end = Math.min(to - first, stream.entryCount)
    if (start < end) {
      const out = encoder.addStream(stream.labelsText)
      for (let i = start; i < end; i++) {
        const { bytes, lineOffsets, lineLengths, metadata } = stream
        const at = lineOffsets[i]!
        const pairs = metadata?.[i]
        out.add(stream.seconds[i]!, stream.nanos[i]!, bytes, at, at + lineLengths[i]!, pairs)
      }
    }
    first += stream.entryCount
  }
  return {
    body: encoder.finish(bytes => Buffer.from(snappyCompress(bytes))),
    entryCount: to - from,
  }
}
