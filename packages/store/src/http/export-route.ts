// GET /skald/export: all lines of a log query, in order and without a limit, as a stream.

import { Readable } from 'node:stream'
import { constants, createGzip } from 'node:zlib'
import { type ExportFormat, exportFormats, exportWriter, runQuery, walkLogs } from '@skald/query'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { BadRequestError } from '../errors.ts'
import { answerTakenMs, exportWarningsMax } from '../limits.ts'
import type { AnswerHold } from '../memory/answer-hold.ts'
import { takesGzip } from './gzip.ts'
import type { Params } from './params.ts'
import {
  checkBlockedBy,
  type LineRouteOptions,
  openRequest,
  withDeadline,
  withinLookback,
} from './query-context.ts'
import { checkStillAdmitted } from './still-admitted.ts'

/** Name of the trailer that says what the export lacks, as a JSON array of sentences. */
export const exportTrailer = 'X-Skald-Warnings'

/** Adds the route. An answer that ends as HTTP wants it is whole; if anything fails meanwhile, the connection is cut. */
export function addExportRoute(app: FastifyInstance, options: LineRouteOptions): void {
  app.route({
    method: ['GET', 'POST'],
    url: '/skald/export',
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const { tenants, limits, params, nowNs } = openRequest(request, options)
      const writer = exportWriter(formatOf(params), columnsOf(params))
      const walk = {
        logql: params.get('query'),
        ...withinLookback(params.orderedRange(nowNs), limits, nowNs),
        direction: params.get('direction') === '' ? 'forward' : params.direction(),
        skip: countOf(params, 'skip') ?? 0,
        limits: limits.query,
      } as const
      checkBlockedBy(walk.logql, tenants, options)
      const warnings = new Set<string>()
      // Of the page that is on its way to the client.
      let hold: AnswerHold | undefined
      reply.raw.once('close', () => hold?.release())
      const pages = walkLogs(walk, {
        run: async query => {
          checkStillAdmitted(request, 'the export is not whole')
          hold?.release()
          hold = options.createHold?.()
          const source = options.openSource(tenants, hold)
          const result = await withDeadline(request, limits, signal =>
            runQuery(query, source, signal),
          )
          return { ...result, entries: result.kind === 'streams' ? result.entries : [] }
        },
        isTooLarge: error => tooLargeCodes.has((error as { code?: string }).code ?? ''),
        onWarning: warning => {
          if (warnings.size < exportWarningsMax) warnings.add(warning)
        },
      })
      const limited = upTo(pages, countOf(params, 'limit'))
      // Before the answer begins, so that an error can still have its status.
      const first = await limited.next()
      const texts = async function* () {
        yield writer.head
        if (first.done) return
        yield writer.write(first.value)
        for await (const entries of limited) yield writer.write(entries)
      }
      reply.trailer(exportTrailer, async () => asciiJson([...warnings]))
      void reply.type(writer.contentType)
      return send(request, reply, Readable.from(taken(texts(), reply)))
    },
  })
}

const tooLargeCodes: ReadonlySet<string> = new Set(['QUERY_MEMORY', 'ANSWER_TOO_LARGE'])

function formatOf(params: Params): ExportFormat {
  const text = params.get('format') || 'jsonl'
  const format = exportFormats.find(name => name === text)
  if (format) return format
  throw new BadRequestError(`format takes ${exportFormats.join(', ')}, not ${JSON.stringify(text)}`)
}

function columnsOf(params: Params): readonly string[] {
  const text = params.get('columns')
  if (text === '') return []
  if (formatOf(params) !== 'csv') throw new BadRequestError('columns goes with format=csv')
  return text.split(',').map(name => name.trim())
}

function countOf(params: Params, name: string): number | undefined {
  const text = params.get(name)
  if (text === '') return undefined
  const count = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(count)) return count
  throw new BadRequestError(`${name} takes a whole number, not ${JSON.stringify(text)}`)
}

async function* upTo<T>(
  pages: AsyncGenerator<readonly T[]>,
  limit: number | undefined,
): AsyncGenerator<readonly T[]> {
  let left = limit ?? Number.POSITIVE_INFINITY
  if (left === 0) return
  for await (const page of pages) {
    yield page.length <= left ? page : page.slice(0, left)
    left -= page.length
    if (left <= 0) return
  }
}

/** Passes texts on, and cuts off a client that takes none for a minute. */
async function* taken(texts: AsyncGenerator<string>, reply: FastifyReply): AsyncGenerator<Buffer> {
  for await (const text of texts) {
    const timer = setTimeout(() => reply.raw.destroy(), answerTakenMs).unref()
    try {
      if (text !== '') yield Buffer.from(text)
    } finally {
      clearTimeout(timer)
    }
  }
}

function send(request: FastifyRequest, reply: FastifyReply, body: Readable): FastifyReply {
  void reply.header('Vary', 'Accept-Encoding')
  if (!takesGzip(request.headers['accept-encoding'])) return reply.send(body)
  const gzip = createGzip({ level: constants.Z_BEST_SPEED })
  body.once('error', error => gzip.destroy(error))
  gzip.once('close', () => body.destroy())
  return reply.header('Content-Encoding', 'gzip').send(body.pipe(gzip))
}

/** Writes JSON that may stand in a header. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
