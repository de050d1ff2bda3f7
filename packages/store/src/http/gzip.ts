// Compresses large answers for clients that accept it. Errors are never compressed, because Grafana
// passes their bytes on unchanged.

import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { gzipBytesLeast } from '../limits.ts'

const gzipAsync = promisify(gzip)

/** Compresses the answers of all routes. */
export function compressAnswers(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload) => {
    if (reply.statusCode !== 200 || request.method === 'HEAD') return payload
    if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return payload
    if (payload.length < gzipBytesLeast || reply.hasHeader('Content-Encoding')) return payload
    void reply.header('Vary', 'Accept-Encoding')
    if (!takesGzip(request.headers['accept-encoding'])) return payload
    const packed = await gzipAsync(payload, { level: constants.Z_BEST_SPEED })
    void reply.header('Content-Encoding', 'gzip').removeHeader('Content-Length')
    return packed
  })
}

/**
 * Returns true if an `Accept-Encoding` header accepts gzip, or any encoding, with a weight above 0.
 */
export function takesGzip(header: string | string[] | undefined): boolean {
  return takesEncoding(header, 'gzip')
}

/** Returns true if an `Accept-Encoding` header accepts an encoding, such as `br`, with a weight above 0. */
export function takesEncoding(header: string | string[] | undefined, encoding: string): boolean {
  let any = false
  for (const part of String(header ?? '').split(',')) {
    const [name = '', ...params] = part.split(';').map(text => text.trim().toLowerCase())
    const weight = params.find(param => param.startsWith('q='))
    const isTaken = weight === undefined || Number(weight.slice(2)) > 0
    if (name === encoding) return isTaken
    if (name === '*') any = isTaken
  }
  return any
}
