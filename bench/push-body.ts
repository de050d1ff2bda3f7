// Writes push requests directly as protobuf bytes, grouped like an agent's batch: one stream message per
// label set. The product's encoder takes entries as objects; with two million of them the generator would
// be the slow part of every run.
//
//   PushRequest     1 streams*           StreamAdapter  1 labels, 2 entries*
//   EntryAdapter    1 timestamp, 2 line  Timestamp      1 seconds, 2 nanos
//                   3 structuredMetadata*

import { ByteWriter, varintBytes } from './byte-writer.ts'

const tagStreams = 0x0a
const tagLabels = 0x0a
const tagEntries = 0x12
const tagTimestamp = 0x0a
const tagSeconds = 0x08
const tagNanos = 0x10
const tagLine = 0x12

interface PendingStream {
  readonly labelsText: string
  readonly entries: ByteWriter
}

/** Collects entries of many streams and writes them as one push request. */
export class PushBodyWriter {
  readonly #streams: readonly PendingStream[]
  readonly #body = new ByteWriter(2 << 20)
  /** Bytes of the lines in the request so far. */
  lineBytes = 0

  constructor(labelsTexts: readonly string[]) {
    this.#streams = labelsTexts.map(labelsText => ({
      labelsText,
      entries: new ByteWriter(64 << 10),
    }))
  }

  /**
   * Adds a line, copied from the start of `line`. `metadata` has the encoded fields of its structured
   * metadata.
   */
  add(
    streamIndex: number,
    time: { readonly seconds: number; readonly nanos: number },
    line: ByteWriter,
    metadata?: ByteWriter,
  ): void {
    const { entries } = this.#streams[streamIndex]!
    const { seconds, nanos } = time
    const timeBytes = 1 + varintBytes(seconds) + (nanos > 0 ? 1 + varintBytes(nanos) : 0)
    const lineBytes = line.length
    const entryBytes =
      2 + timeBytes + 1 + varintBytes(lineBytes) + lineBytes + (metadata?.length ?? 0)
    entries.byte(tagEntries).varint(entryBytes)
    entries.byte(tagTimestamp).byte(timeBytes).byte(tagSeconds).varint(seconds)
    if (nanos > 0) entries.byte(tagNanos).varint(nanos)
    entries.byte(tagLine).varint(lineBytes).raw(line.bytes, lineBytes)
    if (metadata) entries.raw(metadata.bytes, metadata.length)
    this.lineBytes += lineBytes
  }

  /** Returns the request as protobuf, valid until the next call, and starts an empty one. */
  take(): Buffer {
    const body = this.#body
    body.clear()
    for (const { labelsText, entries } of this.#streams) {
      if (entries.length === 0) continue
      const labelsBytes = labelsText.length
      body.byte(tagStreams).varint(1 + varintBytes(labelsBytes) + labelsBytes + entries.length)
      body.byte(tagLabels).varint(labelsBytes).ascii(labelsText)
      body.raw(entries.bytes, entries.length)
      entries.clear()
    }
    this.lineBytes = 0
    return body.bytes.subarray(0, body.length)
  }
}
