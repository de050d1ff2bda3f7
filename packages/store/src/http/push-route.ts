// POST /loki/api/v1/push: bodies to streams to a durable answer. 204 means durable.

import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, inflateRaw } from 'node:zlib'
import {
  decodeJsonPush,
  decodeLegacyJsonPush,
  decodePushRequest,
  PushBodyError,
  type PushStream,
  snappyDecompress,
} from '@skald/wire'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Allocate, BufferPool } from '../buffers.ts'
import { PushRejectedError } from '../errors.ts'
import type { Ingester } from '../ingest/ingester.ts'
import type { PushBudget } from '../ingest/push-budget.ts'
import { pushBodyBytesMax, pushDecompressedBytesMax } from '../limits.ts'
import { resolveTenant } from './tenant.ts'

/** Decompressed bodies kept for the next pushes. */
const idleBufferBytesMax = 8 * 1024 * 1024

const gunzipAsync = promisify(gunzip)
const inflateRawAsync = promisify(inflateRaw)

export interface PushRouteOptions {
  readonly ingester: Ingester
  readonly budget: PushBudget
  readonly authEnabled: boolean
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Gives back what the request holds of the push budget. */
    releaseBudget?: () => void
    /** Memory of the pool that the body lies in. */
    bodyMemory?: Buffer
  }
}

/** Adds the push routes. */
export function addPushRoutes(app: FastifyInstance, options: PushRouteOptions): void {
  const { ingester, budget, authEnabled } = options
  const pool = new BufferPool(idleBufferBytesMax)
  addBodyParser(app, pool)
  for (const url of ['/loki/api/v1/push', '/api/prom/push']) {
    app.route({
      method: 'POST',
      url,
      onRequest: async request => {
        // Refused before a byte of the body is kept.
        resolveTenant(headerText(request, 'x-scope-orgid'), authEnabled)
        const declared = Number(request.headers['content-length'])
        request.releaseBudget = budget.enter(Number.isFinite(declared) ? declared : 0)
      },
      handler: async (request, reply) => {
        const tenant = resolveTenant(headerText(request, 'x-scope-orgid'), authEnabled)
        const isLegacy = url.startsWith('/api/prom/')
        const taken: Buffer[] = []
        const allocate = (bytes: number) => {
          taken.push(pool.take(bytes))
          return taken.at(-1)!
        }
        try {
          const decodeJson = isLegacy ? decodeLegacyJsonPush : decodeJsonPush
          const streams = await decodeBody(request, { decodeJson, allocate })
          budget.decoded(request)
          // Settles when the lines are in the segment, so their memory can serve the next push.
          await ingester.push(tenant, streams)
        } finally {
          for (const buffer of taken) pool.give(buffer)
          releaseBody(request, pool)
        }
        return reply.code(204).send()
      },
      onResponse: async request => request.releaseBudget?.(),
      onRequestAbort: async request => request.releaseBudget?.(),
    })
  }
}

function headerText(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** Puts bodies of known length straight into memory of the pool, without joining pieces. */
function addBodyParser(app: FastifyInstance, pool: BufferPool): void {
  app.removeContentTypeParser('*')
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: IncomingMessage) => {
    const declared = Number(request.headers['content-length'] ?? 0)
    if (declared > pushBodyBytesMax) throw bodyTooLarge()
    let buffer = pool.take(declared)
    request.bodyMemory = buffer
    let length = 0
    for await (const chunk of receive(payload)) {
      if (length + chunk.length > pushBodyBytesMax) throw bodyTooLarge()
      if (length + chunk.length > buffer.length) {
        const larger = pool.take((length + chunk.length) * 2)
        buffer.copy(larger, 0, 0, length)
        pool.give(buffer)
        buffer = larger
        request.bodyMemory = larger
      }
      length += chunk.copy(buffer, length)
    }
    return buffer.subarray(0, length)
  })
}

/** A client that goes away in the middle is no fault of the store's; nobody reads the answer. */
async function* receive(payload: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* payload
  } catch (cause) {
    const why = (cause as Error).message
    throw new PushRejectedError(`the body ended early: ${why}`, { status: 499, cause })
  }
}

function bodyTooLarge(): PushRejectedError {
  return new PushRejectedError(`request body too large: more than ${pushBodyBytesMax} bytes`, {
    status: 413,
  })
}

function releaseBody(request: FastifyRequest, pool: BufferPool): void {
  if (request.bodyMemory) pool.give(request.bodyMemory)
  delete request.bodyMemory
}

interface BodyDecoding {
  readonly decodeJson: (body: Buffer) => PushStream[]
  /** Memory for the decompressed body. */
  readonly allocate: Allocate
}

async function decodeBody(
  request: FastifyRequest,
  { decodeJson, allocate }: BodyDecoding,
): Promise<PushStream[]> {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
  const contentType = headerText(request, 'content-type')
  if (contentType === undefined || contentType.trim() === '') {
    throw new PushRejectedError('mime: no media type', { status: 400 })
  }
  const mediaType = contentType.split(';')[0]!.trim().toLowerCase()
  if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+(\/[!#$%&'*+\-.^_`|~0-9a-z]+)?$/.test(mediaType)) {
    throw new PushRejectedError('mime: expected token after slash', { status: 400 })
  }
  const encoding = headerText(request, 'content-encoding') ?? ''
  try {
    const unpacked = await unpack(body, encoding)
    if (mediaType === 'application/json') return decodeJson(unpacked)
    return decodePushRequest(snappyDecompress(unpacked, pushDecompressedBytesMax, allocate))
  } catch (cause) {
    if (!(cause instanceof PushBodyError)) throw cause
    const status = cause.code === 'PUSH_BODY_TOO_LARGE' ? 413 : 400
    throw new PushRejectedError(cause.message, { status, cause })
  }
}

async function unpack(body: Buffer, encoding: string): Promise<Buffer> {
  const options = { maxOutputLength: pushDecompressedBytesMax }
  try {
    switch (encoding) {
      case '':
      case 'snappy':
        return body
      case 'gzip':
        return await gunzipAsync(body, options)
      case 'deflate':
        return await inflateRawAsync(body, options)
      default:
        throw new PushRejectedError(`Content-Encoding ${JSON.stringify(encoding)} not supported`, {
          status: 400,
        })
    }
  } catch (cause) {
    if (cause instanceof PushRejectedError) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new PushBodyError(
        `request body too large: more than ${pushDecompressedBytesMax} bytes after decompression`,
        { code: 'PUSH_BODY_TOO_LARGE', cause },
      )
    }
    throw new PushBodyError(`${encoding}: ${message}`, { code: 'PUSH_BODY_MALFORMED', cause })
  }
}
