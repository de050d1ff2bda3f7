// Receives bodies of pushes into reusable memory, and decompresses them within limits.

import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib'
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
const inflateAsync = promisify(inflate)
const inflateRawAsync = promisify(inflateRaw)
const zstdDecompressAsync = promisify(zstdDecompress)

declare module 'fastify' {
  interface FastifyRequest {
    /** Share of the push budget that this request holds. */
    pushShare?: PushShare
    /** Pool memory that holds the body. */
    bodyMemory?: Buffer
  }
}

/** Returns the first value of a header. */
export function headerText(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/**
 * Makes the routes of a scope receive bodies as bytes in pool memory, without joining chunks at the
 * end. Only bytes that have arrived count in the push budget, not the announced length.
 * @returns the pool. `releaseBody` returns a body's memory to it.
 */
export function addPushBodyParser(app: FastifyInstance): BufferPool {
  const pool = new BufferPool(pushIdleBufferBytesMax, { freesAtOnce: true })
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

/** If the client disconnects midway, that is not the store's fault. Nobody reads the answer. */
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

/** Returns the memory of a body to the pool. Call it when the body is no longer used. */
export function releaseBody(request: FastifyRequest, pool: BufferPool): void {
  if (request.bodyMemory) pool.give(request.bodyMemory)
  delete request.bodyMemory
}

/** How a body may be compressed. */
export type BodyCompression = 'none' | 'gzip' | 'deflate' | 'deflate-raw' | 'zstd'

/**
 * Decompresses a few bodies at a time, because small ones can expand to the allowed maximum. Client
 * addresses take turns, so an address with many such bodies delays the others by at most one of
 * them.
 */
export class BodyUnpacker {
  #runningCount = 0
  /** Address → its waiting bodies. The first address is next. */
  readonly #waiting = new Map<string, (() => void)[]>()

  /**
   * Decompresses the body of a request.
   * @param encodings Accepted values of Content-Encoding, and their meaning.
   * @throws PushBodyError when the body cannot be decompressed or becomes too large;
   * PushRejectedError 400 for other encodings, 503 when there is no room for the decompressed body.
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
    try {
      return await this.inTurn(request.ip, async () => {
        const unpacked = await decompress(body, compression)
        request.pushShare?.unpacked(body.length + unpacked.length)
        return unpacked
      })
    } catch (cause) {
      if (cause instanceof PushRejectedError) throw cause
      throw describeZlibError(cause as NodeJS.ErrnoException, encoding)
    }
  }

  /** Runs a decompression when it is the turn of the address. */
  async inTurn<T>(address: string, work: () => Promise<T>): Promise<T> {
    await this.#enter(address)
    try {
      return await work()
    } finally {
      this.#leave()
    }
  }

  async #enter(address: string): Promise<void> {
    if (this.#runningCount < unpackingMax) {
      this.#runningCount++
      return
    }
    // `#leave` hands over its place, so the count does not change.
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

/** Error texts of Go's libraries for the same mistakes. Clients match on them. */
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
    case 'deflate':
      return await inflateAsync(body, options)
    case 'deflate-raw':
      return await inflateRawAsync(body, options)
    case 'zstd':
      return await zstdDecompressAsync(body, options)
  }
}
