// Bodies that are read while they arrive, decompressed on the way.

import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { PushBodyError } from '@skald/wire'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { PushRejectedError } from '../errors.ts'
import { headerText } from '../http/push-body.ts'

/** Makes the routes of a scope get the body as a stream. */
export function addStreamBodyParser(app: FastifyInstance): void {
  app.removeContentTypeParser('*')
  app.addContentTypeParser('*', (_request: FastifyRequest, payload: IncomingMessage, done) =>
    done(null, payload),
  )
}

const unpackers = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  zstd: createZstdDecompress,
} as const

/**
 * Yields the decompressed body of a request.
 * @throws PushRejectedError PUSH_BODY_UNSUPPORTED for other encodings, PUSH_BODY_CUT when the client goes away;
 * PushBodyError when the body cannot be decompressed.
 */
export async function* readStreamBody(request: FastifyRequest): AsyncGenerator<Buffer> {
  const payload = request.body as Readable | undefined
  if (!payload) return
  const encoding = headerText(request, 'content-encoding') ?? ''
  if (encoding === '' || encoding === 'identity') {
    yield* received(payload)
    return
  }
  if (!Object.hasOwn(unpackers, encoding)) {
    throw new PushRejectedError(`Content-Encoding ${JSON.stringify(encoding)} not supported`, {
      code: 'PUSH_BODY_UNSUPPORTED',
    })
  }
  const unpacked = unpackers[encoding as keyof typeof unpackers]()
  const fail = (error: Error) => unpacked.destroy(error)
  payload.once('error', fail)
  payload.pipe(unpacked)
  try {
    yield* unpacked
  } catch (cause) {
    if (!request.raw.complete && request.raw.destroyed) throw cut(cause)
    const why = (cause as Error).message
    throw new PushBodyError(`${encoding}: ${why}`, { code: 'PUSH_BODY_MALFORMED', cause })
  } finally {
    payload.unpipe(unpacked)
    payload.off('error', fail)
    payload.resume()
  }
}

/**
 * A reader that stops early has an answer for the sender. So the connection stays, and the rest of the body is thrown away:
 * otherwise the sender would see a broken connection in the place of the answer.
 */
async function* received(payload: Readable): AsyncGenerator<Buffer> {
  try {
    yield* payload.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
  } catch (cause) {
    throw cut(cause)
  } finally {
    payload.resume()
  }
}

function cut(cause: unknown): PushRejectedError {
  const why = (cause as Error).message
  return new PushRejectedError(`the body ended early: ${why}`, { code: 'PUSH_BODY_CUT', cause })
}
