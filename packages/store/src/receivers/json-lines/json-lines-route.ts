// POST /insert/jsonline: JSON documents, one a line, of any length. They are stored while they arrive. 200 means that all of
// them are on disk.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { PushRejectedError } from '../../errors.ts'
import { sendPlainError } from '../../http/server.ts'
import { documentBytesMax } from '../../limits.ts'
import { entryOfDocument } from '../document/document-entry.ts'
import { fieldsOf } from '../document/document-fields.ts'
import { isJsonObject, parseDocument } from '../document/exact-json.ts'
import type { FieldChoice } from '../document/field-choice.ts'
import type { ReceivedEntry } from '../entry-batch.ts'
import { Mistakes } from '../mistakes.ts'
import type { PushOutcome, PushTarget } from '../push-entries.ts'
import {
  addReceiverRoute,
  checkMayStore,
  fieldChoiceOf,
  type ReceiverParts,
} from '../receiver-route.ts'
import { readStreamBody } from '../stream-body.ts'
import { chunksOrQuiet, StreamPieces } from '../stream-pieces.ts'
import { LineSplitter, type SplitLine } from './line-splitter.ts'

/** Adds the route to a scope whose bodies are streams. */
export function addJsonLinesRoute(app: FastifyInstance, parts: ReceiverParts): void {
  addReceiverRoute(app, parts, {
    method: ['POST', 'PUT'],
    urls: ['/insert/jsonline'],
    isStream: true,
    sendError: sendPlainError,
    handle: async (request, reply, target) => answer(request, reply, { parts, target }),
  })
}

interface Handling {
  readonly parts: ReceiverParts
  readonly target: PushTarget
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  { parts, target }: Handling,
): Promise<FastifyReply> {
  const push = new JsonLinesPush(fieldChoiceOf(request), { parts, target })
  const body = chunksOrQuiet(readStreamBody(request), () => push.isWaiting)
  try {
    for await (const chunk of body) {
      if (chunk) push.take(chunk)
      request.pushShare?.holds(push.bytes)
      if (push.isDue || !chunk) {
        checkMayStore(request)
        await push.store()
        request.pushShare?.holds(push.bytes)
      }
    }
  } catch (error) {
    // What came before a connection broke is complete.
    if ((error as { code?: string }).code === 'PUSH_BODY_CUT') await push.store()
    throw error
  }
  push.end()
  checkMayStore(request)
  await push.store()
  push.check()
  return reply.code(200).send()
}

/** The lines of one request. */
class JsonLinesPush {
  readonly #choice: FieldChoice
  readonly #handling: Handling
  readonly #allowsMetadata: boolean
  readonly #splitter = new LineSplitter(documentBytesMax)
  readonly #pieces: StreamPieces
  readonly #mistakes = new Mistakes()
  #documentCount = 0

  constructor(choice: FieldChoice, handling: Handling) {
    this.#choice = choice
    this.#handling = handling
    this.#pieces = new StreamPieces(handling.target)
    const { parts, target } = handling
    this.#allowsMetadata = parts.limitsOf(target.tenant).allowStructuredMetadata
  }

  get isWaiting(): boolean {
    return this.#pieces.isWaiting
  }

  get isDue(): boolean {
    return this.#pieces.isDue
  }

  /** Memory that lines take that are not stored yet, with the unfinished one. */
  get bytes(): number {
    return this.#pieces.bytes + this.#splitter.bytes
  }

  take(chunk: Buffer): void {
    for (const line of this.#splitter.take(chunk)) this.#takeLine(line)
  }

  end(): void {
    for (const line of this.#splitter.end()) this.#takeLine(line)
  }

  #takeLine({ number, bytes }: SplitLine): void {
    const place = `line ${number}`
    if (!bytes) {
      this.#documentCount++
      this.#mistakes.add(place, `longer than ${documentBytesMax} bytes`)
      return
    }
    const source = bytes.toString('utf8')
    if (source.trim() === '') return
    this.#documentCount++
    try {
      this.#pieces.add(this.#entryOf(source), number)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      this.#mistakes.add(place, error.message)
    }
  }

  #entryOf(source: string): ReceivedEntry {
    const document = parseDocument(source)
    if (!isJsonObject(document)) throw new SyntaxError('not a JSON object')
    return entryOfDocument({
      fields: fieldsOf(document),
      source,
      choice: this.#choice,
      labels: {},
      fallbackLabels: { job: 'jsonline' },
      metadata: [],
      arrival: () => this.#handling.parts.arrivals.next(),
      allowsMetadata: this.#allowsMetadata,
    })
  }

  /**
   * Stores what has come. @throws PushRejectedError PUSH_RATE_LIMITED at the first line that a limit of the tenant
   * refuses: the client has to be slower.
   */
  async store(): Promise<void> {
    if (!this.isWaiting) return
    const { refused, retryAfterSeconds }: PushOutcome = await this.#pieces.store()
    for (const [number, { message, isLimited }] of refused) {
      if (isLimited) {
        throw new PushRejectedError(`line ${number}: ${message}; earlier lines are stored`, {
          code: 'PUSH_RATE_LIMITED',
          retryAfterSeconds: retryAfterSeconds ?? 1,
        })
      }
      this.#mistakes.add(`line ${number}`, message)
    }
  }

  /** @throws PushRejectedError PUSH_INVALID when some lines were refused. */
  check(): void {
    const { count } = this.#mistakes
    if (count === 0) return
    const stored = Math.max(0, this.#documentCount - count)
    throw new PushRejectedError(this.#mistakes.format(stored), { code: 'PUSH_INVALID' })
  }
}
