// Elasticsearch's routes that bring documents: /_bulk, /<index>/_bulk, /<index>/_doc and /<index>/_create, also below
// /elasticsearch. A bulk request answers for each item, like Elasticsearch, so that senders repeat only what a limit
// refused.

import { randomBytes } from 'node:crypto'
import { PushBodyError } from '@skald/wire'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { BadRequestError } from '../../errors.ts'
import { indexNameBytesMax } from '../../limits.ts'
import { EntryBatch } from '../entry-batch.ts'
import { type PushTarget, pushEntries } from '../push-entries.ts'
import {
  addReceiverRoute,
  fieldChoiceOf,
  jsonEncodings,
  queryOf,
  type ReceiverParts,
} from '../receiver-route.ts'
import { type BulkAction, type BulkItem, BulkSyntaxError, parseBulkBody } from './bulk-body.ts'
import { IndexedDocuments } from './documents.ts'
import { errorTypes, sendElastic, sendElasticError } from './elastic-answer.ts'

/** Prefixes under which Elasticsearch's paths exist. */
export const elasticPrefixes = ['', '/elasticsearch'] as const

const below = (path: string): string[] => elasticPrefixes.map(prefix => prefix + path)

/** What became of an item. */
interface ItemResult {
  readonly action: BulkAction
  readonly index: string
  readonly id: string
  readonly status: number
  /** Absent if the document is stored. */
  readonly reason?: string
}

/** Adds the routes. */
export function addIndexingRoutes(app: FastifyInstance, parts: ReceiverParts): void {
  addReceiverRoute(app, parts, {
    method: ['POST', 'PUT'],
    urls: [...below('/_bulk'), ...below('/:index/_bulk'), ...below('/:index/_doc/_bulk')],
    sendError: sendElasticError,
    handle: (request, reply, target) => answerBulk(request, reply, { parts, target }),
  })
  for (const [path, method, action] of [
    ['/:index/_doc', ['POST'], 'index'],
    ['/:index/_doc/:id', ['POST', 'PUT'], 'index'],
    ['/:index/_create/:id', ['POST', 'PUT'], 'create'],
  ] as const) {
    addReceiverRoute(app, parts, {
      method: [...method],
      urls: below(path),
      sendError: sendElasticError,
      handle: (request, reply, target) => answerDocument(request, reply, { parts, target, action }),
    })
  }
}

interface Handling {
  readonly parts: ReceiverParts
  readonly target: PushTarget
}

async function answerBulk(
  request: FastifyRequest,
  reply: FastifyReply,
  { parts, target }: Handling,
): Promise<FastifyReply> {
  const body = await parts.unpacker.unpack(request, jsonEncodings)
  const { index = '' } = request.params as { index?: string }
  // The answer names it with each item.
  if (Buffer.byteLength(index) > indexNameBytesMax) {
    throw new BadRequestError(`the name of the index is longer than ${indexNameBytesMax} bytes`)
  }
  const items = itemsOf(body, index)
  if (items.length === 0) {
    throw new BadRequestError('Validation Failed: 1: no requests added;')
  }
  const results = await store(items, request, { parts, target })
  const hasErrors = results.some(({ reason }) => reason !== undefined)
  const isShort = (queryOf(request).get('filter_path') ?? '').includes('items.*.')
  return sendElastic(reply, {
    took: Math.round(reply.elapsedTime),
    errors: hasErrors,
    items: results.map(result => ({ [result.action]: itemAnswer(result, isShort) })),
  })
}

function itemsOf(body: Buffer, index: string): BulkItem[] {
  try {
    return [...parseBulkBody(body, index)]
  } catch (cause) {
    if (!(cause instanceof BulkSyntaxError)) throw cause
    throw new PushBodyError(cause.message, { code: 'PUSH_BODY_MALFORMED', cause })
  }
}

/** Stores the documents of a request in one push. */
async function store(
  items: readonly BulkItem[],
  request: FastifyRequest,
  { parts, target }: Handling,
): Promise<ItemResult[]> {
  const documents = new IndexedDocuments(fieldChoiceOf(request), target.tenant, parts)
  const batch = new EntryBatch()
  const reasons = new Map<number, string>()
  for (const [number, item] of items.entries()) {
    if (item.action === 'update' || item.action === 'delete') {
      reasons.set(number, `${item.action}: a stored line cannot be changed; send index or create`)
      continue
    }
    try {
      batch.add(documents.entryOf(item), number)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      reasons.set(number, `failed to parse: ${error.message}`)
    }
  }
  request.pushShare?.unpacked((request.bodyMemory?.length ?? 0) + batch.bytes)
  request.pushShare?.decoded()
  const { refused } = await pushEntries(batch, target)
  // Ids of documents that have none. Nobody sees them again.
  const idPrefix = randomBytes(9).toString('base64url')
  return items.map(({ action, index, id }, number) => {
    const reason = reasons.get(number) ?? refused.get(number)?.message
    const status = reason === undefined ? 201 : refused.get(number)?.isLimited ? 429 : 400
    return {
      ...{ action, index, status },
      id: id ?? `${idPrefix}${String(number).padStart(8, '0')}`,
      ...(reason !== undefined && { reason }),
    }
  })
}

function itemAnswer({ index, id, status, reason }: ItemResult, isShort: boolean): object {
  const error = reason === undefined ? {} : { error: { type: errorTypes[status], reason } }
  if (isShort) return { status, ...error }
  const stored = { _version: 1, result: 'created', ...oneShard }
  return { _index: index, _id: id, ...(reason === undefined && stored), status, ...error }
}

const oneShard = {
  _shards: { total: 1, successful: 1, failed: 0 },
  _seq_no: 0,
  _primary_term: 1,
} as const

async function answerDocument(
  request: FastifyRequest,
  reply: FastifyReply,
  { parts, target, action }: Handling & { readonly action: BulkAction },
): Promise<FastifyReply> {
  const body = await parts.unpacker.unpack(request, jsonEncodings)
  const { index, id } = request.params as { index: string; id?: string }
  const item: BulkItem = { action, index, id, source: body.toString('utf8') }
  const [result] = await store([item], request, { parts, target })
  const { status, reason, id: answeredId } = result!
  if (reason !== undefined) {
    const error = { type: errorTypes[status]!, reason }
    if (status === 429) void reply.header('Retry-After', '1')
    return sendElastic(reply.code(status), {
      error: { root_cause: [error], ...error },
      status,
    })
  }
  return sendElastic(reply.code(201), {
    ...{ _index: index, _id: answeredId, _version: 1, result: 'created' },
    ...oneShard,
  })
}
