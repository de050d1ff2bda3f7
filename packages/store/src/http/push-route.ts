// POST /loki/api/v1/push: bodies to streams to a durable answer. 204 means durable.

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
import { PushRejectedError } from '../errors.ts'
import type { Ingester } from '../ingest/ingester.ts'
import type { PushBudget } from '../ingest/push-budget.ts'
import { pushBodyBytesMax, pushDecompressedBytesMax } from '../limits.ts'
import { resolveTenant } from './tenant.ts'

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
  }
}

/** Adds the push routes. */
export function addPushRoutes(app: FastifyInstance, options: PushRouteOptions): void {
  const { ingester, budget, authEnabled } = options
  for (const url of ['/loki/api/v1/push', '/api/prom/push']) {
    app.route({
      method: 'POST',
      url,
      bodyLimit: pushBodyBytesMax,
      onRequest: async request => {
        // Refused before a byte of the body is kept.
        resolveTenant(headerText(request, 'x-scope-orgid'), authEnabled)
        const declared = Number(request.headers['content-length'])
        request.releaseBudget = budget.enter(Number.isFinite(declared) ? declared : 0)
      },
      handler: async (request, reply) => {
        const tenant = resolveTenant(headerText(request, 'x-scope-orgid'), authEnabled)
        const isLegacy = url.startsWith('/api/prom/')
        const streams = await decodeBody(request, isLegacy ? decodeLegacyJsonPush : decodeJsonPush)
        budget.decoded(request)
        await ingester.push(tenant, streams)
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

async function decodeBody(
  request: FastifyRequest,
  decodeJson: (body: Buffer) => PushStream[],
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
    return decodePushRequest(snappyDecompress(unpacked, pushDecompressedBytesMax))
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
