// GELF datagrams: whole or in chunks, plain or compressed with gzip or zlib.

import { gunzipSync, inflateSync } from 'node:zlib'
import {
  gelfChunkLimitMs,
  gelfChunksMax,
  gelfMessageBytesMax,
  gelfOpenBytesMax,
  gelfOpenMessagesMax,
} from '../limits.ts'

const chunkHeadBytes = 12

interface OpenMessage {
  readonly chunks: (Buffer | undefined)[]
  readonly sinceMs: number
  missing: number
  bytes: number
}

/** Assembles chunked messages. */
export class GelfAssembler {
  readonly #open = new Map<string, OpenMessage>()
  #bytes = 0
  /** Messages given up because of missing chunks. */
  lostCount = 0

  /**
   * Takes a datagram. Returns the JSON of a message once it is complete.
   *
   * @throws Error if the datagram is invalid.
   */
  take(datagram: Buffer, sender: string, nowMs: number): string | undefined {
    if (datagram[0] !== 0x1e || datagram[1] !== 0x0f) return unpack(datagram)
    const sequence = datagram[10] ?? gelfChunksMax
    const count = datagram[11] ?? 0
    if (
      datagram.length < chunkHeadBytes ||
      count === 0 ||
      count > gelfChunksMax ||
      sequence >= count
    ) {
      throw new Error('the head of a chunk is wrong')
    }
    this.#giveUp(nowMs)
    const key = `${sender} ${datagram.toString('hex', 2, 10)}`
    const fresh = { chunks: [], sinceMs: nowMs, missing: count, bytes: 0 }
    const message: OpenMessage = this.#open.get(key) ?? fresh
    this.#open.set(key, message)
    if (message.chunks[sequence]) return undefined
    const chunk = Buffer.from(datagram.subarray(chunkHeadBytes))
    message.chunks[sequence] = chunk
    message.missing--
    message.bytes += chunk.length
    this.#bytes += chunk.length
    if (message.missing > 0) return undefined
    this.#forget(key, message)
    return unpack(Buffer.concat(message.chunks as Buffer[]))
  }

  /** Gives up messages that waited too long, or the oldest ones if there are too many. */
  #giveUp(nowMs: number): void {
    for (const [key, message] of this.#open) {
      const isOver = this.#open.size >= gelfOpenMessagesMax || this.#bytes >= gelfOpenBytesMax
      if (!isOver && nowMs - message.sinceMs < gelfChunkLimitMs) return
      this.#forget(key, message)
      this.lostCount++
    }
  }

  #forget(key: string, message: OpenMessage): void {
    this.#open.delete(key)
    this.#bytes -= message.bytes
  }
}

function unpack(bytes: Buffer): string {
  const options = { maxOutputLength: gelfMessageBytesMax }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return gunzipSync(bytes, options).toString('utf8')
  // A zlib header is a multiple of 31, and its first byte says "deflate".
  const isZlib = (bytes[0]! & 0x0f) === 8 && bytes.length > 2 && bytes.readUInt16BE(0) % 31 === 0
  return isZlib ? inflateSync(bytes, options).toString('utf8') : bytes.toString('utf8')
}
