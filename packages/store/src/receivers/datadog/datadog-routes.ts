// POST /api/v2/logs and /v1/input: logs as Datadog's agents and libraries send them. 202 means that they are on disk.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { PushRejectedError } from '../../errors.ts'
import type { RequestError } from '../../http/error-status.ts'
import { headerText } from '../../http/push-body.ts'
import { entryOfDocument } from '../document/document-entry.ts'
import { EntryBatch } from '../entry-batch.ts'
import { Mistakes } from '../mistakes.ts'
import { type PushTarget, pushEntries } from '../push-entries.ts'
import {
  addReceiverRoute,
  fieldChoiceOf,
  jsonEncodings,
  linesOf,
  queryOf,
  type ReceiverParts,
} from '../receiver-route.ts'
import { type DatadogLog, datadogLine, readDatadogLogs } from './datadog-logs.ts'

/** Adds the routes. */
export function addDatadogRoutes(app: FastifyInstance, parts: ReceiverParts): void {
  addReceiverRoute(app, parts, {
    method: 'POST',
    urls: ['/api/v2/logs', '/v1/input', '/v1/input/:key'],
    sendError: sendDatadogError,
    handle: (request, reply, target) => answer(request, reply, { parts, target }),
  })
}

/** Sends an error; the status is already set. */
function sendDatadogError(error: RequestError, reply: FastifyReply): void {
  const status = String(reply.statusCode)
  const title = reply.raw.statusMessage || 'Error'
  const errors = [{ detail: error.message, status, title }]
  void reply.type('application/json').send(JSON.stringify({ errors }))
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  { parts, target }: { readonly parts: ReceiverParts; readonly target: PushTarget },
): Promise<FastifyReply> {
  const body = await parts.unpacker.unpack(request, jsonEncodings)
  const choice = fieldChoiceOf(request)
  const { allowStructuredMetadata: allowsMetadata } = parts.limitsOf(target.tenant)
  const batch = new EntryBatch()
  const mistakes = new Mistakes()
  let count = 0
  for (const log of readLogs(request, body.toString('utf8'))) {
    const number = ++count
    try {
      if (log instanceof SyntaxError) throw log
      const { fields, ddsource, source } = log
      if (choice.streamFields && ddsource !== '') fields.set('ddsource', ddsource)
      const labels = choice.streamFields || ddsource === '' ? {} : { source: ddsource }
      const entry = entryOfDocument({
        ...{ fields, source, choice, labels, allowsMetadata, metadata: [] },
        fallbackLabels: { job: 'datadog' },
        arrival: () => parts.arrivals.next(),
      })
      batch.add(entry, number)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      mistakes.add(`log ${number}`, error.message)
    }
  }
  request.pushShare?.unpacked((request.bodyMemory?.length ?? 0) + batch.bytes)
  request.pushShare?.decoded()
  const { refused, retryAfterSeconds = 1 } = await pushEntries(batch, target)
  for (const [number, { message, isLimited }] of refused) {
    if (isLimited) {
      const code = 'PUSH_RATE_LIMITED'
      throw new PushRejectedError(`log ${number}: ${message}`, { code, retryAfterSeconds })
    }
    mistakes.add(`log ${number}`, message)
  }
  if (mistakes.count > 0) {
    const text = mistakes.format(count - mistakes.count)
    throw new PushRejectedError(text, { code: 'PUSH_INVALID' })
  }
  return reply.code(202).type('application/json').send('{}')
}

function* readLogs(request: FastifyRequest, text: string): Generator<DatadogLog | SyntaxError> {
  const query = queryOf(request)
  const type = (headerText(request, 'content-type') ?? '').split(';')[0]!.trim().toLowerCase()
  if (type === 'text/plain') {
    for (const line of linesOf(text)) if (line.trim() !== '') yield datadogLine(line, query)
    return
  }
  if (type !== '' && type !== 'application/json') {
    const why = `content type ${type} is not supported: use application/json or text/plain`
    throw new PushRejectedError(why, { code: 'PUSH_BODY_UNSUPPORTED' })
  }
  if (text.trim() === '') return
  try {
    yield* readDatadogLogs(text, query)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new PushRejectedError(`the body is not JSON: ${cause.message}`, {
      code: 'PUSH_INVALID',
      cause,
    })
  }
}
