// POST /upload: what systemd-journal-upload sends, a stream of entries without end. They are stored while they arrive. 202, as
// systemd-journal-remote answers, means that all of them are on disk.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { PushRejectedError } from '../../errors.ts'
import { headerText } from '../../http/push-body.ts'
import { sendPlainError } from '../../http/server.ts'
import type { PushTarget } from '../push-entries.ts'
import {
  addReceiverRoute,
  checkMayStore,
  fieldChoiceOf,
  type ReceiverParts,
} from '../receiver-route.ts'
import { readStreamBody } from '../stream-body.ts'
import { chunksOrQuiet, StreamPieces } from '../stream-pieces.ts'
import { entryOfJournal, type JournalContext } from './journal-entry.ts'
import { JournalExportReader, type JournalFields } from './journal-export.ts'

/** Adds the route to a scope whose bodies are streams. */
export function addUploadRoute(app: FastifyInstance, parts: ReceiverParts): void {
  addReceiverRoute(app, parts, {
    method: 'POST',
    urls: ['/upload'],
    isStream: true,
    sendError: sendPlainError,
    handle: (request, reply, target) => answer(request, reply, { parts, target }),
  })
}

const journalType = 'application/vnd.fdo.journal'

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  { parts, target }: { readonly parts: ReceiverParts; readonly target: PushTarget },
): Promise<FastifyReply> {
  const type = (headerText(request, 'content-type') ?? '').split(';')[0]!.trim()
  if (type !== journalType) {
    const why = `content type ${type || 'none'} is not supported: use ${journalType}`
    throw new PushRejectedError(why, { code: 'PUSH_BODY_UNSUPPORTED' })
  }
  const reader = new JournalExportReader()
  const pieces = new StreamPieces(target)
  const context: JournalContext = {
    choice: fieldChoiceOf(request),
    arrival: () => parts.arrivals.next(),
    allowsMetadata: parts.limitsOf(target.tenant).allowStructuredMetadata,
  }
  const add = (entries: Iterable<JournalFields>) => {
    for (const fields of entries) {
      pieces.add(entryOfJournal(fields, context), reader.entryNumber - 1)
    }
  }
  try {
    for await (const chunk of chunksOrQuiet(readStreamBody(request), () => pieces.isWaiting)) {
      if (chunk) add(reader.take(chunk))
      request.pushShare?.holds(pieces.bytes + reader.bytes)
      if (pieces.isDue || !chunk) {
        checkMayStore(request)
        await store(pieces)
        request.pushShare?.holds(pieces.bytes + reader.bytes)
      }
    }
    add(reader.end())
  } catch (error) {
    if (error instanceof SyntaxError) {
      await store(pieces)
      const text = `not a journal export: ${error.message}; earlier entries are stored`
      throw new PushRejectedError(text, { code: 'PUSH_INVALID', cause: error })
    }
    if ((error as { code?: string }).code === 'PUSH_BODY_CUT') await store(pieces)
    throw error
  }
  checkMayStore(request)
  await store(pieces)
  return reply.code(202).type('text/plain; charset=utf-8').send('OK.\n')
}

/**
 * Stores what has come. An entry that can never be stored is left out, with a line in the log: the sender would
 * repeat it forever.
 * @throws PushRejectedError PUSH_RATE_LIMITED when a limit of the tenant is reached. The sender repeats all of it.
 */
async function store(pieces: StreamPieces): Promise<void> {
  if (!pieces.isWaiting) return
  const { refused, retryAfterSeconds = 1 } = await pieces.store()
  for (const [number, { message, isLimited }] of refused) {
    if (!isLimited) continue
    throw new PushRejectedError(`entry ${number}: ${message}; earlier entries are stored`, {
      code: 'PUSH_RATE_LIMITED',
      retryAfterSeconds,
    })
  }
}
