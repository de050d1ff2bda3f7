// Decodes and encodes the push request in protobuf, directly on bytes with protobufjs's Reader and Writer.
// Decoding creates no object per entry and does not copy lines. The message:
//
//   PushRequest   { 1: repeated Stream }
//   Stream        { 1: string labels   2: repeated Entry   3: uint64 hash (ignored) }
//   Entry         { 1: Timestamp { 1: int64 seconds  2: int32 nanos }
//                   2: string line     3: repeated Pair structuredMetadata }
//   Pair          { 1: string name     2: string value }

import { nsPerSecond } from '@skald/go-dialect'
import protobuf from 'protobufjs/minimal.js'
import type { Stream } from './entry.ts'
import { PushBodyError } from './errors.ts'
import { formatLabelSet, type Label } from './labels.ts'
import {
  malformed,
  openMessage,
  readText,
  skipField,
  wireBytes,
  wireVarint,
} from './protobuf-fields.ts'
import { type PushStream, PushStreamBuilder } from './push-stream.ts'

/**
 * Decodes a push request. The streams' `bytes` is `body` itself, so `body` must not change while
 * they are in use.
 * @throws PushBodyError PUSH_BODY_MALFORMED for wrong wire types and for a body that ends early.
 */
export function decodePushRequest(body: Buffer): PushStream[] {
  const reader = protobuf.Reader.create(body)
  try {
    const builder = new PushStreamBuilder()
    while (reader.pos < reader.len) {
      const tag = reader.uint32()
      if (tag >>> 3 === 1) {
        readStream(reader, openMessage(reader, tag, reader.len, 'Streams'), builder)
      } else skipField(reader, tag, reader.len)
    }
    return builder.build()
  } catch (cause) {
    if (cause instanceof PushBodyError) throw cause
    throw malformed('unexpected EOF', cause)
  }
}

function readStream(reader: protobuf.Reader, end: number, builder: PushStreamBuilder): void {
  let labelsText = ''
  while (reader.pos < end) {
    const tag = reader.uint32()
    switch (tag >>> 3) {
      case 1:
        labelsText = readText(reader, tag, end, 'Labels')
        if (labelsText.includes('\ufffd')) checkUtf8(reader, labelsText)
        break
      case 2:
        readEntry(reader, openMessage(reader, tag, end, 'Entries'), builder)
        break
      default:
        skipField(reader, tag, end)
    }
  }
  builder.endStream(labelsText, reader.buf as Buffer)
}

/** Rejects labels that are not UTF-8, because different labels would get the same text. */
function checkUtf8(reader: protobuf.Reader, labelsText: string): void {
  const bytes = Buffer.byteLength(labelsText, 'utf8')
  const sent = (reader.buf as Buffer).subarray(reader.pos - bytes, reader.pos)
  if (!sent.equals(Buffer.from(labelsText, 'utf8'))) {
    const column = labelsText.lastIndexOf('"', labelsText.indexOf('\ufffd')) + 1
    throw malformed(
      `couldn't parse labels: 1:${Math.max(column, 1)}: parse error: invalid UTF-8 rune`,
    )
  }
}

function readEntry(reader: protobuf.Reader, end: number, builder: PushStreamBuilder): void {
  let seconds = 0
  let nanos = 0
  let lineOffset = 0
  let lineLength = 0
  let metadata: Label[] | undefined
  while (reader.pos < end) {
    const tag = reader.uint32()
    switch (tag >>> 3) {
      case 1: {
        const timestampEnd = openMessage(reader, tag, end, 'Timestamp')
        while (reader.pos < timestampEnd) {
          const part = reader.uint32()
          if (part >>> 3 === 1) seconds = readInt64(reader, part, 'Seconds')
          else if (part >>> 3 === 2) nanos = readInt64(reader, part, 'Nanos') | 0
          else skipField(reader, part, timestampEnd)
        }
        if (reader.pos > timestampEnd) throw malformed('unexpected EOF')
        break
      }
      case 2: {
        const lineEnd = openMessage(reader, tag, end, 'Line')
        lineOffset = reader.pos
        lineLength = lineEnd - reader.pos
        reader.pos = lineEnd
        break
      }
      case 3:
        metadata ??= []
        builder.countPairs(1)
        metadata.push(readPair(reader, openMessage(reader, tag, end, 'StructuredMetadata')))
        break
      default:
        skipField(reader, tag, end)
    }
  }
  if (reader.pos > end) throw malformed('unexpected EOF')
  if (nanos < 0 || nanos >= 1e9) {
    throw malformed(
      `timestamp: &types.Timestamp{Seconds: ${seconds},\nNanos: ${nanos},\n}: nanos not in range [0, 1e9)`,
    )
  }
  builder.add(seconds, nanos, lineOffset, lineLength)
  if (metadata) builder.setMetadata(metadata)
}

function readPair(reader: protobuf.Reader, end: number): Label {
  let name = ''
  let value = ''
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag >>> 3 === 1) name = readText(reader, tag, end, 'Name')
    else if (tag >>> 3 === 2) value = readText(reader, tag, end, 'Value')
    else skipField(reader, tag, end)
  }
  return { name, value }
}

/** Reads a signed varint as a number: exact below 2^53, and for every time an entry can have. */
function readInt64(reader: protobuf.Reader, tag: number, field: string): number {
  if ((tag & 7) !== wireVarint) {
    throw malformed(`proto: wrong wireType = ${tag & 7} for field ${field}`)
  }
  const { buf } = reader
  let value = 0
  let factor = 1
  for (let i = 0; i < 7; i++) {
    if (reader.pos >= reader.len) throw malformed('unexpected EOF')
    const byte = buf[reader.pos++]!
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return value
    factor *= 128
  }
  // More than 49 bits: very large or negative.
  let wide = BigInt(value)
  for (let shift = 49n; shift < 70n; shift += 7n) {
    if (reader.pos >= reader.len) throw malformed('unexpected EOF')
    const byte = buf[reader.pos++]!
    wide |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return Number(BigInt.asIntN(64, wide))
  }
  throw malformed('proto: integer overflow')
}

/** Encodes a push request without compression. */
export function encodePushRequest(streams: readonly Stream[]): Buffer {
  const writer = protobuf.Writer.create()
  for (const stream of streams) {
    writer.uint32((1 << 3) | wireBytes).fork()
    writer.uint32((1 << 3) | wireBytes).string(formatLabelSet(stream.labels))
    for (const entry of stream.entries) {
      let nanos = entry.timestampNs % nsPerSecond
      if (nanos < 0n) nanos += nsPerSecond
      writer.uint32((2 << 3) | wireBytes).fork()
      writer.uint32((1 << 3) | wireBytes).fork()
      writer.uint32((1 << 3) | wireVarint).int64(Number((entry.timestampNs - nanos) / nsPerSecond))
      writer.uint32((2 << 3) | wireVarint).int32(Number(nanos))
      writer.ldelim()
      writer.uint32((2 << 3) | wireBytes).string(entry.line)
      for (const { name, value } of entry.structuredMetadata ?? []) {
        writer.uint32((3 << 3) | wireBytes).fork()
        writer.uint32((1 << 3) | wireBytes).string(name)
        writer.uint32((2 << 3) | wireBytes).string(value)
        writer.ldelim()
      }
      writer.ldelim()
    }
    writer.ldelim()
  }
  return writer.finish() as Buffer
}
