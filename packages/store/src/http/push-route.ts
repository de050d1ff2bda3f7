// POST /loki/api/v1/push: decodes bodies into streams and answers when they are durable. 204 means
// durable.

import type { BufferPool } from '@skald/wire'
import {
  decodeJsonPush,
  decodeLegacyJsonPush,
  type PushStream,
  snappyDecompress,
} from '@skald/wire'
import { decodePushRequest } from '@skald/wire/push-codec'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Allocate } from '../buffers.ts'
import { PushRejectedError } from '../errors.ts'
import type { Ingester } from '../ingest/ingester.ts'
import type { PushBudget } from '../ingest/push-budget.ts'
import { pushDecompressedBytesMax } from '../limits.ts'
import { type BodyUnpacker, headerText, releaseBody } from './push-body.ts'
import { resolveTenant } from './tenant.ts'

export interface PushRouteOptions {
  readonly ingester: Ingester
  readonly budget: PushBudget
  readonly authEnabled: boolean
  /** Memory for bodies, the same pool that the scope's body parser uses. */
  readonly pool: BufferPool
  readonly unpacker: BodyUnpacker
}

/** A route that accepts log lines in some encoding. */
export interface IngestRoute {
  readonly url: string
  readonly decode: (request: FastifyRequest, context: BodyContext) => Promise<PushStream[]>
  /** Overrides the scope's error handler. */
  readonly errorHandler?: (error: Error, request: FastifyRequest, reply: FastifyReply) => void
}

/** Additional input for decoding a body. */
export interface BodyContext {
  readonly tenant: string
  /** Returns memory for the decompressed body, valid until the push is answered. */
  readonly allocate: Allocate
}

/** Adds the push routes. */
export function addPushRoutes(app: FastifyInstance, options: PushRouteOptions): void {
  const { unpacker } = options
  addIngestRoute(app, options, {
    url: '/loki/api/v1/push',
    decode: (request, { allocate }) =>
      decodeBody(request, { decodeJson: decodeJsonPush, allocate, unpacker }),
  })
  addIngestRoute(app, options, {
    url: '/api/prom/push',
    decode: (request, { allocate }) =>
      decodeBody(request, { decodeJson: decodeLegacyJsonPush, allocate, unpacker }),
  })
}

/** Adds a route that decodes bodies into streams and pushes them. */
export function addIngestRoute(
  app: FastifyInstance,
  options: PushRouteOptions,
  { url, decode, errorHandler }: IngestRoute,
): void {
  const { ingester, budget, authEnabled, pool } = options
  app.route({
    method: 'POST',
    url,
    ...(errorHandler && { errorHandler }),
    onRequest: async request => {
      // Rejects a push before any byte of the body is kept.
      const tenant = resolveTenant(headerText(request, 'x-scope-orgid'), authEnabled)
      request.pushShare = budget.enter({ tenant: authEnabled ? tenant : '', address: request.ip })
    },
    handler: async (request, reply) => {
      const tenant = resolveTenant(headerText(request, 'x-scope-orgid'), authEnabled)
      const taken: Buffer[] = []
      const allocate = (bytes: number) => {
        request.pushShare?.unpacked((request.bodyMemory?.length ?? 0) + bytes)
        taken.push(pool.take(bytes))
        return taken.at(-1)!
      }
      try {
        const streams = await decode(request, { tenant, allocate })
        request.pushShare?.decoded()
        // Resolves once the lines are in the segment, so their memory can be reused for the next
        // push.
        const userAgent = headerText(request, 'user-agent') ?? ''
        await ingester.push(tenant, streams, { address: request.ip, userAgent })
      } finally {
        for (const buffer of taken) pool.give(buffer)
        releaseBody(request, pool)
      }
      return reply.code(204).send()
    },
    onResponse: async request => request.pushShare?.release(),
    onRequestAbort: async request => request.pushShare?.release(),
  })
}

interface BodyDecoding {
  readonly decodeJson: (body: Buffer) => PushStream[]
  readonly allocate: Allocate
  readonly unpacker: BodyUnpacker
}

async function decodeBody(
  request: FastifyRequest,
  { decodeJson, allocate, unpacker }: BodyDecoding,
): Promise<PushStream[]> {
  const contentType = headerText(request, 'content-type')
  if (contentType === undefined || contentType.trim() === '') {
    throw new PushRejectedError('mime: no media type', { code: 'PUSH_BODY_UNSUPPORTED' })
  }
  const mediaType = contentType.split(';')[0]!.trim().toLowerCase()
  if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+(\/[!#$%&'*+\-.^_`|~0-9a-z]+)?$/.test(mediaType)) {
    throw new PushRejectedError('mime: expected token after slash', {
      code: 'PUSH_BODY_UNSUPPORTED',
    })
  }
  const unpacked = await unpacker.unpack(request, pushEncodings)
  if (mediaType === 'application/json') return decodeJson(unpacked)
  return decodePushRequest(snappyDecompress(unpacked, pushDecompressedBytesMax, allocate))
}

/**
 * Accepted values of Content-Encoding. `snappy` changes nothing: the protobuf body is always
 * snappy.
 */
const pushEncodings = { snappy: 'none', gzip: 'gzip', deflate: 'deflate-raw' } as const
