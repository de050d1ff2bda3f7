// The form of Elasticsearch's answers. Its clients refuse to work with a server that does not name the product.

import type { FastifyReply } from 'fastify'
import type { RequestError } from '../../http/error-status.ts'

/** Status → Elasticsearch's name for what is wrong. */
export const errorTypes: Readonly<Record<number, string>> = {
  400: 'document_parsing_exception',
  401: 'security_exception',
  403: 'security_exception',
  413: 'content_too_long_exception',
  429: 'es_rejected_execution_exception',
  503: 'unavailable_shards_exception',
}

/** Sends an answer as JSON, with the header that clients look for. */
export function sendElastic(reply: FastifyReply, answer: object): FastifyReply {
  return reply
    .header('X-Elastic-Product', 'Elasticsearch')
    .type('application/json')
    .send(JSON.stringify(answer))
}

/** Sends an error; the status is already set. */
export function sendElasticError(error: RequestError, reply: FastifyReply): void {
  const status = reply.statusCode
  const type = status === 400 ? 'illegal_argument_exception' : (errorTypes[status] ?? 'exception')
  const cause = { type, reason: error.message }
  void sendElastic(reply, { error: { root_cause: [cause], ...cause }, status })
}
