// POST /loki/api/v1/push: decodes bodies into streams and answers when they are durable. 204 means
// durable.

import type { BufferPool } from '@skald/wire'
import {
  decodeJsonPush,
  decodeLegacyJsonPush,
  freePushColumns,
  type PushStream,
  snappyDecompress,
  snappyDecompressedBytes,
} from '@skald/wire'
import { decodePushRequest } from '@skald/wire/push-codec'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Allocate } from '../buffers.ts'
import { PushRejectedError } from '../errors.ts'
import type { Ingester } from '../ingest/ingester.ts'
import type { PushBudget } from '../ingest/push-budget.ts'
import type { UnpackedRoom } from '../ingest/unpacked-room.ts'
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
  readonly room: UnpackedRoom
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
  /**
   * Resolves with a function that returns memory for a decompressed body of this many bytes, once there is room
   * for it. The memory is valid until the lines are copied, or the push is answered.
   */
  readonly allocatorFor: (bytes: number) => Promise<Allocate>
}

/** Adds the push routes. */
export function addPushRoutes(app: FastifyInstance, options: PushRouteOptions): void {
  const { unpacker } = options
  addIngestRoute(app, options, {
    url: '/loki/api/v1/push',
    decode: (request, { allocatorFor }) =>
      decodeBody(request, { decodeJson: decodeJsonPush, allocatorFor, unpacker }),
  })
  addIngestRoute(app, options, {
    url: '/api/prom/push',
    decode: (request, { allocatorFor }) =>
      decodeBody(request, { decodeJson: decodeLegacyJsonPush, allocatorFor, unpacker }),
  })
}

/** Adds a route that decodes bodies into streams and pushes them. */
export function addIngestRoute(
  app: FastifyInstance,
  options: PushRouteOptions,
  { url, decode, errorHandler }: IngestRoute,
): void {
  const { ingester, budget, authEnabled } = options
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
      const memory = new PushMemory(request, options)
      try {
        const allocatorFor = (bytes: number) => memory.allocatorFor(bytes)
        const streams = await decode(request, { tenant, allocatorFor })
        memory.streams = streams
        request.pushShare?.decoded()
        const userAgent = headerText(request, 'user-agent') ?? ''
        await ingester.push(tenant, streams, {
          client: { address: request.ip, userAgent },
          // The lines are in the segment, so the next push can have the memory while this one is synced.
          onCopied: () => memory.release(),
        })
      } finally {
        memory.release()
      }
      return reply.code(204).send()
    },
    onResponse: async request => request.pushShare?.release(),
    onRequestAbort: async request => request.pushShare?.release(),
  })
}

/** The memory of one push: its body as received, decompressed, and in columns. */
class PushMemory {
  /** The decoded push. */
  streams: readonly PushStream[] = []
  readonly #request: FastifyRequest
  readonly #pool: BufferPool
  readonly #room: UnpackedRoom
  readonly #taken: Buffer[] = []
  #leave: (() => void) | undefined

  constructor(request: FastifyRequest, { pool, room }: Pick<PushRouteOptions, 'pool' | 'room'>) {
    this.#request = request
    this.#pool = pool
    this.#room = room
  }

  async allocatorFor(unpackedBytes: number): Promise<Allocate> {
    const { pushShare, bodyMemory } = this.#request
    // Counted before it waits, so that pushes are refused rather than kept waiting for long.
    pushShare?.unpacked((bodyMemory?.length ?? 0) + unpackedBytes)
    this.#leave = await this.#room.enter(unpackedBytes)
    return bytes => {
      const buffer = this.#pool.take(bytes)
      this.#taken.push(buffer)
      return buffer
    }
  }

  /** Gives all of it back. Further calls do nothing. */
  release(): void {
    freePushColumns(this.streams)
    this.streams = []
    for (const buffer of this.#taken.splice(0)) this.#pool.give(buffer)
    releaseBody(this.#request, this.#pool)
    this.#leave?.()
  }
}

interface BodyDecoding {
  readonly decodeJson: (body: Buffer) => PushStream[]
  readonly allocatorFor: BodyContext['allocatorFor']
  readonly unpacker: BodyUnpacker
}

async function decodeBody(
  request: FastifyRequest,
  { decodeJson, allocatorFor, unpacker }: BodyDecoding,
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
  const allocate = await allocatorFor(snappyDecompressedBytes(unpacked, pushDecompressedBytesMax))
  return decodePushRequest(snappyDecompress(unpacked, pushDecompressedBytesMax, allocate))
}

/**
 * Accepted values of Content-Encoding. `snappy` changes nothing: the protobuf body is always
 * snappy. `zstd` is not in Loki: Vector can send it.
 */
const pushEncodings = {
  snappy: 'none',
  gzip: 'gzip',
  deflate: 'deflate-raw',
  zstd: 'zstd',
} as const
