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
const idleBufferBytesMax = 16 * 1024 * 1024

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
    for await (const chunk of payload as AsyncIterable<Buffer>) {
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

function bodyTooLarge(): PushRejectedError {
  return new PushRejectedError(413, `request body too large: more than ${pushBodyBytesMax} bytes`)
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
    throw new PushRejectedError(400, 'mime: no media type')
  }
  const mediaType = contentType.split(';')[0]!.trim().toLowerCase()
  if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+(\/[!#$%&'*+\-.^_`|~0-9a-z]+)?$/.test(mediaType)) {
    throw new PushRejectedError(400, 'mime: expected token after slash')
  }
  const encoding = headerText(request, 'content-encoding') ?? ''
  try {
    const unpacked = await unpack(body, encoding)
    if (mediaType === 'application/json') return decodeJson(unpacked)
    return decodePushRequest(snappyDecompress(unpacked, pushDecompressedBytesMax, allocate))
  } catch (error) {
    if (!(error instanceof PushBodyError)) throw error
    const status = error.code === 'PUSH_BODY_TOO_LARGE' ? 413 : 400
    throw new PushRejectedError(status, error.message, { cause: error })
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
        throw new PushRejectedError(
          400,
          `Content-Encoding ${JSON.stringify(encoding)} not supported`,
        )
    }
  } catch (cause) {
    if (cause instanceof PushRejectedError) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new PushBodyError(
        'PUSH_BODY_TOO_LARGE',
        `request body too large: more than ${pushDecompressedBytesMax} bytes after decompression`,
        { cause },
      )
    }
    throw new PushBodyError('PUSH_BODY_MALFORMED', `${encoding}: ${message}`, { cause })
  }
}
