// Splits a rejected push, to separate the bad entries from the good ones: first between two streams, then
// within one.

import { nsPerSecond } from '@skald/go-dialect'
import {
  gapLinePrefix,
  gapNames,
  PushBatchEncoder,
  type PushStream,
  snappyCompress,
  snappyDecompress,
} from '@skald/wire'
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

/** What a push holds of one stream. */
export interface StreamContent {
  readonly labelsText: string
  /** Lines and their bytes, without gap markers. */
  readonly lines: number
  readonly bytes: number
  /** Times of the gap markers. */
  readonly markerTimes: readonly bigint[]
}

/** Returns what a push holds, and its first entry with a line that fits into a log. */
export async function contentOf({
  body,
}: PushPiece): Promise<{ streams: readonly StreamContent[]; sample: EntrySample }> {
  const streams = await unpack(body)
  return { streams: streams.map(contentOfStream), sample: sampleOf(streams[0]) }
}

function contentOfStream(stream: PushStream): StreamContent {
  const { labelsText, entryCount, seconds, nanos, lineLengths, metadata } = stream
  const markerTimes: bigint[] = []
  let bytes = 0
  for (let i = 0; i < entryCount; i++) {
    const isMarker = metadata?.[i]?.some(({ name }) => name === gapNames.kind)
    if (!isMarker && !beginsLikeMarker(stream, i)) bytes += lineLengths[i]!
    else markerTimes.push(BigInt(seconds[i]!) * nsPerSecond + BigInt(nanos[i]!))
  }
  return { labelsText, lines: entryCount - markerTimes.length, bytes, markerTimes }
}

/** Returns true for markers that were sent without metadata. */
function beginsLikeMarker({ bytes, lineOffsets, lineLengths }: PushStream, entry: number): boolean {
  const start = lineOffsets[entry]!
  if (lineLengths[entry]! < markerStart.length) return false
  return bytes.compare(markerStart, 0, markerStart.length, start, start + markerStart.length) === 0
}

const markerStart = Buffer.from(gapLinePrefix)

function sampleOf(stream: PushStream | undefined): EntrySample {
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
