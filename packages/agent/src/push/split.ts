// Splits a rejected push, to separate the bad entries from the good ones: first between two streams, then
// within one.

import { PushBatchEncoder, type PushStream, snappyCompress, snappyDecompress } from '@skald/wire'
import { sampleCharactersMax, splitBytesMax } from '../limits.ts'

/** A push, or a part of one, as sent over the wire. */
export interface PushPiece {
  readonly body: Buffer
  readonly entryCount: number
}

/** The first entry of a push, for a log message. */
export interface EntrySample {
  readonly stream: string
  readonly line: string
}

/** Splits a push into two halves in the same order. Returns `undefined` if it has only one entry. */
export async function splitPush({
  body,
  entryCount,
}: PushPiece): Promise<[PushPiece, PushPiece] | undefined> {
  if (entryCount < 2) return undefined
  const streams = await unpack(body)
  const middle = streams.length > 1 ? middleOfStreams(streams) : entryCount >> 1
  return [encodeRange(streams, 0, middle), encodeRange(streams, middle, entryCount)]
}

/** Returns the first entry of a push. Cuts its line to fit into a log. */
export async function sampleOf({ body }: PushPiece): Promise<EntrySample> {
  const [stream] = await unpack(body)
  if (!stream || stream.entryCount === 0) return { stream: stream?.labelsText ?? '', line: '' }
  const start = stream.lineOffsets[0]!
  const line = stream.bytes.toString('utf8', start, start + stream.lineLengths[0]!)
  return { stream: stream.labelsText, line: line.slice(0, sampleCharactersMax) }
}

async function unpack(body: Buffer): Promise<PushStream[]> {
  // Loaded only for a rejected push: protobuf's library would be a good part of an idle agent's memory.
  const { decodePushRequest } = await import('@skald/wire/push-codec')
  return decodePushRequest(snappyDecompress(body, splitBytesMax))
}

/** Returns the number of entries in the first half of the streams. */
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
    body: encoder.finish(pieces => snappyCompress(Buffer.concat(pieces))),
    entryCount: to - from,
  }
}
