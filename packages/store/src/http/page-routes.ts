// Serves the page at `/` from memory. Names of its files contain a hash of their content, so browsers keep them for a
// year; index.html they ask for each time.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { takesEncoding } from './gzip.ts'
import { type PageFile, plainBytes } from './page-pack.ts'

/**
 * What the browser may do for the page: load from the store and run no inline script. `ws:` and `wss:` are for
 * browsers that do not count live tails as `'self'`.
 */
const contentPolicy = [
  "default-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
  "img-src 'self' data:",
  "object-src 'none'",
].join('; ')

const yearSeconds = 31_536_000

/** Adds the page at the root of the routes. Returns false if there are no files, and adds nothing. */
export function addPageRoutes(app: FastifyInstance, files: readonly PageFile[]): boolean {
  const index = files.find(({ path }) => path === 'index.html')
  if (!index) return false
  // Relative links need the slash at the end.
  if (app.prefix !== '') {
    app.get('', { prefixTrailingSlash: 'no-slash' }, (_request, reply) =>
      reply.code(301).header('Location', `${app.prefix}/`).send(),
    )
  }
  app.get('/', { prefixTrailingSlash: 'slash' }, (request, reply) =>
    sendFile(request, reply, index),
  )
  const byPath = new Map(files.map(file => [file.path, file]))
  app.get('/assets/:name', (request, reply) => {
    const { name } = request.params as { name: string }
    const file = byPath.get(`assets/${name}`)
    return file ? sendFile(request, reply, file) : reply.callNotFound()
  })
  return true
}

function sendFile(request: FastifyRequest, reply: FastifyReply, file: PageFile): FastifyReply {
  const isIndex = file.path === 'index.html'
  void reply
    .type(file.type)
    .header('Content-Security-Policy', contentPolicy)
    .header('X-Content-Type-Options', 'nosniff')
    .header('Referrer-Policy', 'no-referrer')
    .header('Cache-Control', isIndex ? 'no-cache' : `public, max-age=${yearSeconds}, immutable`)
    .header('ETag', file.etag)
    .header('Vary', 'Accept-Encoding')
  if (request.headers['if-none-match'] === file.etag) return reply.code(304).send()
  const accepted = request.headers['accept-encoding']
  for (const [encoding, bytes] of [
    ['br', file.brotli],
    ['gzip', file.gzip],
  ] as const) {
    if (takesEncoding(accepted, encoding)) {
      return reply.header('Content-Encoding', encoding).send(bytes)
    }
  }
  return reply.send(plainBytes(file))
}
