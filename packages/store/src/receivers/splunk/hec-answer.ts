// The form of answers of Splunk's HTTP Event Collector: a text and a number.

import type { FastifyReply } from 'fastify'
import type { RequestError } from '../../http/error-status.ts'
import { hecCodes } from './events.ts'

/** Sends an answer. */
export function sendHec(reply: FastifyReply, answer: object): FastifyReply {
  return reply.type('application/json').send(JSON.stringify(answer))
}

const codeOfStatus: Readonly<Record<number, number>> = {
  400: hecCodes.malformed,
  401: hecCodes.tokenMissing,
  403: hecCodes.tokenWrong,
  413: hecCodes.malformed,
  429: hecCodes.busy,
  500: hecCodes.internal,
  503: hecCodes.busy,
}

/** Sends an error; the status is already set. */
export function sendHecError(error: RequestError, reply: FastifyReply): void {
  const code = codeOfStatus[reply.statusCode] ?? hecCodes.malformed
  void sendHec(reply, { text: error.message, code })
}
