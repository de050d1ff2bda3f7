// POST /otlp/v1/logs: OpenTelemetry export requests in protobuf and JSON. They join the normal push
// path.

import { nsPerMs } from '@skald/go-dialect'
import type { OtlpDecoding, OtlpMapping, PushStream } from '@skald/wire'
import { decodeOtlpLogs, encodeOtlpError } from '@skald/wire/otlp'
import { decodeOtlpJsonLogs } from '@skald/wire/otlp-json'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { BadRequestError, PushRejectedError } from '../errors.ts'
import { answerOf } from './error-status.ts'
import { type BodyUnpacker, headerText } from './push-body.ts'
import { addIngestRoute, type PushRouteOptions } from './push-route.ts'
import { answerError, sendPlainError } from './server.ts'

export interface OtlpRouteOptions extends PushRouteOptions {
  readonly clock: { now(): number }
  /** Returns how to map the attributes of a tenant's records. */
  readonly mappingOf: (tenant: string) => OtlpMapping
}

/** Adds the OTLP route. */
export function addOtlpRoute(app: FastifyInstance, options: OtlpRouteOptions): void {
  const { clock, mappingOf, unpacker } = options
  addIngestRoute(app, options, {
    url: '/otlp/v1/logs',
    decode: (request, { tenant }) => {
      const nowNs = BigInt(clock.now()) * nsPerMs
      return decodeBody(request, unpacker, { mapping: mappingOf(tenant), nowNs })
    },
    errorHandler: (error, request, reply) => {
      // The tenant is checked before the request, and rejected with the same answer as on other
      // routes.
      const send = error instanceof BadRequestError ? sendPlainError : sendStatus
      answerError(error, request, reply, send)
    },
  })
}

/** Accepted values of Content-Encoding. */
const otlpEncodings = { gzip: 'gzip', zstd: 'zstd' } as const

async function decodeBody(
  request: FastifyRequest,
  unpacker: BodyUnpacker,
  decoding: OtlpDecoding,
): Promise<PushStream[]> {
  const contentType = headerText(request, 'content-type') ?? ''
  const mediaType = contentType.split(';')[0]!.trim().toLowerCase()
  const isJson = mediaType === 'application/json'
  if (!isJson && mediaType !== 'application/x-protobuf') {
    throw new PushRejectedError(`content type: ${contentType} is not supported`, {
      code: 'PUSH_BODY_UNSUPPORTED',
    })
  }
  const unpacked = await unpacker.unpack(request, otlpEncodings)
  return isJson ? decodeOtlpJsonLogs(unpacked, decoding) : decodeOtlpLogs(unpacked, decoding)
}

/**
 * Answers like Loki: with a google.rpc.Status in protobuf, whatever the format of the request. An
 * internal error becomes 503, because clients do not retry after 500.
 */
function sendStatus(error: Error, reply: FastifyReply): void {
  if (answerOf(error).status === 500) void reply.code(503).header('Retry-After', '1')
  void reply.type('application/octet-stream').send(encodeOtlpError(error.message))
}
