// Bodies of pushes: received into memory that is used again, decompressed within bounds.

import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, inflateRaw, zstdDecompress } from 'node:zlib'
import { BufferPool, PushBodyError } from '@skald/wire'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { PushRejectedError } from '../errors.ts'
import type { PushShare } from '../ingest/push-budget.ts'
import {
  bodyMemoryFirstBytes,
  pushBodyBytesMax,
  pushDecompressedBytesMax,
  pushIdleBufferBytesMax,
  unpackingMax,
} from '../limits.ts'

const gunzipAsync = promisify(gunzip)
const inflateRawAsync = promisify(inflateRaw)
const zstdDecompressAsync = promisify(zstdDecompress)

declare module 'fastify' {
  interface FastifyRequest {
    /** What the request holds of the push budget. */
    pushShare?: PushShare
    /** Memory of the pool that the body lies in. */
    bodyMemory?: Buffer
  }
}

/** First value of a header. */
export function headerText(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/**
 * Lets bodies of a scope's routes arrive as bytes in memory of the pool, without joining pieces. What has
 * arrived counts in the push budget; what is only announced does not.
 *
 * @returns the pool; `releaseBody` gives a body's memory back to it.
 */
export function addPushBodyParser(app: FastifyInstance): BufferPool {
  const pool = new BufferPool(pushIdleBufferBytesMax)
  app.removeContentTypeParser('*')
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: IncomingMessage) => {
    const declared = Number(request.headers['content-length'] ?? 0)
    if (declared > pushBodyBytesMax) throw bodyTooLarge()
    let buffer = pool.take(Math.min(declared, bodyMemoryFirstBytes))
    request.bodyMemory = buffer
    let length = 0
    for await (const chunk of receive(payload)) {
      if (length + chunk.length > pushBodyBytesMax) throw bodyTooLarge()
      request.pushShare?.received(length + chunk.length)
      if (length + chunk.length > buffer.length) {
        const larger = pool.take(Math.max(declared, (length + chunk.length) * 2))
        buffer.copy(larger, 0, 0, length)
        pool.give(buffer)
        buffer = larger
        request.bodyMemory = larger
      }
      length += chunk.copy(buffer, length)
    }
    return buffer.subarray(0, length)
  })
  return pool
}

/** A client that goes away in the middle is no fault of the store's; nobody reads the answer. */
async function* receive(payload: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* payload
  } catch (cause) {
    const why = (cause as Error).message
    throw new PushRejectedError(`the body ended early: ${why}`, { code: 'PUSH_BODY_CUT', cause })
  }
}

function bodyTooLarge(): PushRejectedError {
  return new PushRejectedError(`request body too large: more than ${pushBodyBytesMax} bytes`, {
    code: 'PUSH_BODY_TOO_LARGE',
  })
}

/** Gives back the memory of a body, once it is no longer used. */
export function releaseBody(request: FastifyRequest, pool: BufferPool): void {
  if (request.bodyMemory) pool.give(request.bodyMemory)
  delete request.bodyMemory
}

/** How a body may be compressed. */
export type BodyCompression = 'none' | 'gzip' | 'deflate-raw' | 'zstd'

/**
 * Decompresses bodies, a few at a time: small ones may become as large as is allowed. Addresses take turns,
 * so that one with many such bodies makes the others wait for one of them at the most.
 */
export class BodyUnpacker {
  #runningCount = 0
  /** Address → its bodies that wait for their turn; the address whose turn is next comes first. */
  readonly #waiting = new Map<string, (() => void)[]>()

  /**
   * Decompresses the body of a request.
   *
   * @param encodings Values of Content-Encoding that are taken, and what they mean.
   * @throws PushBodyError for what cannot be decompressed or becomes too large; PushRejectedError
   * PUSH_BODY_UNSUPPORTED for other encodings, PUSH_NO_ROOM when there is no room for what it became.
   */
  async unpack(
    request: FastifyRequest,
    encodings: Readonly<Record<string, BodyCompression>>,
  ): Promise<Buffer> {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    const encoding = headerText(request, 'content-encoding') ?? ''
    const compression =
      encoding === ''
        ? 'none'
        : Object.hasOwn(encodings, encoding)
          ? encodings[encoding]
          : undefined
    if (compression === undefined) {
      throw new PushRejectedError(`Content-Encoding ${JSON.stringify(encoding)} not supported`, {
        code: 'PUSH_BODY_UNSUPPORTED',
      })
    }
    if (compression === 'none') return body
    await this.#enter(request.ip)
    try {
      const unpacked = await decompress(body, compression)
      request.pushShare?.unpacked(body.length + unpacked.length)
      return unpacked
    } catch (cause) {
      if (cause instanceof PushRejectedError) throw cause
      throw describeZlibError(cause as NodeJS.ErrnoException, encoding)
    } finally {
      this.#leave()
    }
  }

  async #enter(address: string): Promise<void> {
    if (this.#runningCount < unpackingMax) {
      this.#runningCount++
      return
    }
    // Whoever leaves hands its place over, so the count stays.
    await new Promise<void>(resolve => {
      const queue = this.#waiting.get(address)
      if (queue) queue.push(resolve)
      else this.#waiting.set(address, [resolve])
    })
  }

  #leave(): void {
    for (const [address, queue] of this.#waiting) {
      this.#waiting.delete(address)
      const next = queue.shift()!
      if (queue.length > 0) this.#waiting.set(address, queue)
      next()
      return
    }
    this.#runningCount--
  }
}

/** What Go's libraries say of the same mistakes, since clients match on it. */
const zlibTexts: Readonly<Record<string, string>> = {
  'incorrect header check': 'invalid header',
  'unexpected end of file': 'unexpected EOF',
}

function describeZlibError(cause: NodeJS.ErrnoException, encoding: string): PushBodyError {
  if (cause.code === 'ERR_BUFFER_TOO_LARGE') {
    return new PushBodyError(
      `request body too large: more than ${pushDecompressedBytesMax} bytes after decompression`,
      { code: 'PUSH_BODY_TOO_LARGE', cause },
    )
  }
  const why = zlibTexts[cause.message] ?? cause.message
  return new PushBodyError(`${encoding}: ${why}`, { code: 'PUSH_BODY_MALFORMED', cause })
}

async function decompress(
  body: Buffer,
  compression: Exclude<BodyCompression, 'none'>,
): Promise<Buffer> {
  const options = { maxOutputLength: pushDecompressedBytesMax }
  switch (compression) {
    case 'gzip':
      return await gunzipAsync(body, options)
    case 'deflate-raw':
      return await inflateRawAsync(body, options)
    case 'zstd':
      return await zstdDecompressAsync(body, options)
  }
}
