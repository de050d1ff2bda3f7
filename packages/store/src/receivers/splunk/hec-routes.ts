// Splunk's HTTP Event Collector: /services/collector for events, /raw for lines, /ack and /health.

import { type Label, PushBodyError } from '@skald/wire'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { BadRequestError } from '../../errors.ts'
import { headerText } from '../../http/push-body.ts'
import { acknowledgedIdsMax, documentBytesMax } from '../../limits.ts'
import { entryOfDocument } from '../document/document-entry.ts'
import { type DocumentFields, fieldsOf } from '../document/document-fields.ts'
import { isJsonObject, type Json, jsonText } from '../document/exact-json.ts'
import type { FieldChoice } from '../document/field-choice.ts'
import { EntryBatch, type ReceivedEntry } from '../entry-batch.ts'
import { type PushTarget, pushEntries } from '../push-entries.ts'
import {
  addReceiverRoute,
  checkEntryCount,
  fieldChoiceOf,
  jsonEncodings,
  linesOf,
  queryOf,
  type ReceiverParts,
} from '../receiver-route.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { HecEventError, hecCodes, parseEvent, splitEvents } from './events.ts'
import { sendHec, sendHecError } from './hec-answer.ts'

/** Adds the routes. */
export function addHecRoutes(
  app: FastifyInstance,
  parts: ReceiverParts,
  clock: { now(): number },
): void {
  const acknowledgements = new Acknowledgements(clock)
  const versions = (path: string) => [path, `${path}/1.0`]
  const collector = '/services/collector'
  const add = (urls: readonly string[], read: ReadEvents) =>
    addReceiverRoute(app, parts, {
      method: 'POST',
      urls,
      sendError: sendHecError,
      handle: (request, reply, target) =>
        answerEvents(request, reply, { parts, target, acknowledgements, read }),
    })
  add([collector, ...versions(`${collector}/event`)], readEvents)
  add(versions(`${collector}/raw`), readLines)
  addReceiverRoute(app, parts, {
    method: 'POST',
    urls: versions(`${collector}/ack`),
    sendError: sendHecError,
    handle: (request, reply) => answerAck(request, reply, { parts, acknowledgements }),
  })
  for (const url of versions(`${collector}/health`)) {
    app.get(url, (_request, reply) =>
      sendHec(reply, { text: 'HEC is healthy', code: hecCodes.healthy }),
    )
  }
}

/** Yields the events of a body: an entry, or why there is none. */
type ReadEvents = (text: string, context: EventContext) => Generator<ReceivedEntry | HecEventError>

interface EventContext {
  readonly query: URLSearchParams
  readonly choice: FieldChoice
  readonly allowsMetadata: boolean
  readonly arrival: () => bigint
}

interface Handling {
  readonly parts: ReceiverParts
  readonly acknowledgements: Acknowledgements
}

async function answerEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  {
    parts,
    target,
    acknowledgements,
    read,
  }: Handling & { readonly target: PushTarget; readonly read: ReadEvents },
): Promise<FastifyReply> {
  const body = await parts.unpacker.unpack(request, jsonEncodings)
  const context: EventContext = {
    query: queryOf(request),
    choice: fieldChoiceOf(request),
    allowsMetadata: parts.limitsOf(target.tenant).allowStructuredMetadata,
    arrival: () => parts.arrivals.next(),
  }
  const batch = new EntryBatch()
  let count = 0
  /** The first event that is not stored. */
  let wrong: { number: number; text: string; code: number } | undefined
  for (const event of read(body.toString('utf8'), context)) {
    const number = count++
    checkEntryCount(count)
    if (!(event instanceof HecEventError)) batch.add(event, number)
    else wrong ??= { number, text: event.message, code: event.hecCode }
  }
  if (count === 0) {
    return sendHec(reply.code(400), { text: 'No data', code: hecCodes.noData })
  }
  request.pushShare?.unpacked((request.bodyMemory?.length ?? 0) + batch.bytes)
  request.pushShare?.decoded()
  const { refused, retryAfterSeconds } = await pushEntries(batch, target)
  for (const [number, { message, isLimited }] of refused) {
    if (isLimited) {
      void reply.code(429).header('Retry-After', String(retryAfterSeconds ?? 1))
      return sendHec(reply, { text: message, code: hecCodes.busy })
    }
    if (!wrong || number < wrong.number) {
      wrong = { number, text: message, code: hecCodes.malformed }
    }
  }
  if (wrong) {
    const { text, code, number } = wrong
    return sendHec(reply.code(400), { text, code, 'invalid-event-number': number })
  }
  const ackId = channelOf(request) === '' ? {} : { ackId: acknowledgements.next() }
  return sendHec(reply, { text: 'Success', code: hecCodes.success, ...ackId })
}

function channelOf(request: FastifyRequest): string {
  return headerText(request, 'x-splunk-request-channel') || queryOf(request).get('channel') || ''
}

/** What an event says about itself besides its content. */
const sourceKeys = ['host', 'source', 'sourcetype', 'index'] as const
/** Those that have few values. Sources are often paths with ids. */
const labelKeys: ReadonlySet<string> = new Set(['host', 'sourcetype', 'index'])

function* readEvents(
  text: string,
  context: EventContext,
): Generator<ReceivedEntry | HecEventError> {
  for (const part of splitEvents(text)) {
    try {
      yield entryOfEvent(part, context)
    } catch (error) {
      if (error instanceof HecEventError) yield error
      else if (error instanceof SyntaxError)
        yield new HecEventError(error.message, hecCodes.malformed, { cause: error })
      else throw error
    }
  }
}

function entryOfEvent(part: string, context: EventContext): ReceivedEntry {
  const { event, time, fields: indexed, ...rest } = parseEvent(part)
  if (indexed !== undefined && indexed !== null && !isJsonObject(indexed)) {
    throw new HecEventError('Error in handling indexed fields', 15)
  }
  const fields = isJsonObject(indexed) ? fieldsOf(indexed) : new Map<string, string>()
  const { messageFields } = context.choice
  if (messageFields && isJsonObject(event)) {
    for (const [name, value] of fieldsOf(event)) fields.set(name, value)
  } else fields.set('_msg', jsonText(event))
  const timeText = jsonText(time)
  if (timeText !== '') fields.set(context.choice.timeFields?.[0] ?? '_time', timeText)
  return entryOf(fields, { source: jsonText(event), described: rest, context })
}

interface EventSource {
  readonly source: string
  readonly described: Readonly<Record<string, Json | undefined>>
  readonly context: EventContext
}

function entryOf(
  fields: DocumentFields,
  { source, described, context }: EventSource,
): ReceivedEntry {
  const { query, choice, allowsMetadata, arrival } = context
  const labels: Record<string, string> = {}
  const metadata: Label[] = []
  for (const name of sourceKeys) {
    const value = jsonText(described[name]) || query.get(name) || ''
    if (value === '') continue
    if (choice.streamFields) fields.set(name, value)
    else if (labelKeys.has(name)) labels[name] = value
    else metadata.push({ name, value })
  }
  const fallbackLabels = { job: 'splunk' }
  return entryOfDocument({
    ...{ fields, source, choice, labels, fallbackLabels, metadata, allowsMetadata, arrival },
  })
}

function* readLines(text: string, context: EventContext): Generator<ReceivedEntry | HecEventError> {
  const time = context.query.get('time') ?? ''
  for (const part of linesOf(text)) {
    const line = part.endsWith('\r') ? part.slice(0, -1) : part
    if (line === '') continue
    const fields = new Map([['_msg', line]])
    if (time !== '') fields.set('_time', time)
    const choice = { ...context.choice, messageFields: ['_msg'], timeFields: ['_time'] }
    if (line.length > documentBytesMax) {
      yield new HecEventError('Invalid data format', hecCodes.malformed)
      continue
    }
    try {
      yield entryOf(fields, { source: line, described: {}, context: { ...context, choice } })
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause
      yield new HecEventError(cause.message, hecCodes.malformed, { cause })
    }
  }
}

async function answerAck(
  request: FastifyRequest,
  reply: FastifyReply,
  { parts, acknowledgements }: Handling,
): Promise<FastifyReply> {
  if (channelOf(request) === '') {
    return sendHec(reply.code(400), {
      text: 'Data channel is missing',
      code: hecCodes.channelMissing,
    })
  }
  const body = await parts.unpacker.unpack(request, jsonEncodings)
  const acks = acksIn(body.toString('utf8'))
  return sendHec(reply, {
    acks: Object.fromEntries(acks.map(id => [String(id), acknowledgements.has(id)])),
  })
}

function acksIn(text: string): number[] {
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (cause) {
    throw new PushBodyError('Invalid data format', { code: 'PUSH_BODY_MALFORMED', cause })
  }
  const acks = isJsonObject(value) ? value.acks : undefined
  if (!Array.isArray(acks) || acks.some(id => typeof id !== 'number')) {
    throw new BadRequestError('Invalid data format: "acks" is not a list of numbers')
  }
  if (acks.length > acknowledgedIdsMax) {
    throw new BadRequestError(`Invalid data format: more than ${acknowledgedIdsMax} acks`)
  }
  return acks as number[]
}
