// loki_push_api: accepts pushes like a Loki, relabels them and forwards them. Accepts plain text too.

import { gunzipSync } from 'node:zlib'
import { readBoolean, readLabels, type ValueReader } from '@skald/config-reading'
import {
  decodeJsonPush,
  LabelSyntaxError,
  labelSetToObject,
  PushBodyError,
  type PushStream,
  parseLabelSet,
  snappyDecompress,
} from '@skald/wire'
import { decodePushRequest } from '@skald/wire/push-codec'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { ListenerConfig } from '../config-reading/listener.ts'
import { readListener } from '../config-reading/listener.ts'
import { receivedAnswerMs, receivedBodyBytesMax, receivedUnpackedBytesMax } from '../limits.ts'
import { serverTlsOptions } from '../net/server-tls.ts'
import type { Flow } from './inlet.ts'
import { ListeningSource } from './listening-source.ts'
import { probeListen } from './probe.ts'
import type { SourceConfig, SourceContext } from './source.ts'

interface PushApiConfig {
  readonly server: Partial<ListenerConfig>
  readonly labels: ReadonlyMap<string, string>
  readonly usesIncomingTime: boolean
}

/** Reads the body of loki_push_api. */
export const readLokiPushApiSource: ValueReader<SourceConfig> = cursor => {
  const raw = cursor.record({
    server: readListener,
    labels: readLabels,
    use_incoming_timestamp: readBoolean,
  })
  const server = raw.server ?? {}
  if (!server.httpListenPort && !cursor.get('server')?.get('http_listen_port')) {
    return cursor.failAtKey('loki_push_api needs a server with its own http_listen_port')
  }
  const config: PushApiConfig = {
    server,
    labels: raw.labels ?? new Map(),
    usesIncomingTime: raw.use_incoming_timestamp ?? false,
  }
  const start = async (context: SourceContext) => {
    const source = new PushApiSource(config, context)
    await source.listen()
    return source
  }
  const address = { host: server.httpListenAddress || undefined, port: server.httpListenPort ?? 0 }
  const probe = () => probeListen(address, 'tcp')
  return { isPerClient: false, start, probe }
}

class PushApiSource extends ListeningSource<PushApiConfig> {
  readonly #server: FastifyInstance

  constructor(config: PushApiConfig, context: SourceContext) {
    super(config, context)
    const { tls, httpPathPrefix = '' } = config.server
    this.#server = fastify({
      ...{ logger: false, forceCloseConnections: true, bodyLimit: receivedBodyBytesMax },
      ...(tls && { https: serverTlsOptions(tls) }),
    }) as unknown as FastifyInstance
    this.#server.removeAllContentTypeParsers()
    this.#server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body)
    })
    this.#server.setErrorHandler((error, _request, reply) => this.#refuse(error as Error, reply))
    this.#server.get(`${httpPathPrefix}/ready`, (_request, reply) => reply.send('ready\n'))
    this.#server.post(`${httpPathPrefix}/loki/api/v1/push`, (request, reply) =>
      this.#push(request, reply),
    )
    this.#server.post(`${httpPathPrefix}/promtail/api/v1/raw`, (request, reply) =>
      this.#raw(request, reply),
    )
  }

  async listen(): Promise<void> {
    const { httpListenAddress = '', httpListenPort = 0 } = this.config.server
    const host = httpListenAddress === '' ? '0.0.0.0' : httpListenAddress
    this.boundTo = await this.#server.listen({ host, port: httpListenPort })
    this.context.logger.info({ url: this.boundTo }, 'Push receiver listens')
  }

  #refuse(error: Error & { statusCode?: number }, reply: FastifyReply): FastifyReply {
    const isClients = error instanceof PushBodyError || error instanceof LabelSyntaxError
    const isTooLarge = error instanceof PushBodyError && error.code === 'PUSH_BODY_TOO_LARGE'
    const status = isTooLarge ? 413 : isClients ? 400 : (error.statusCode ?? 500)
    if (status >= 500) this.context.logger.error({ error: error.message }, 'Push failed')
    else this.context.logger.warn({ error: error.message, status }, 'Push rejected')
    return reply.code(status).type('text/plain; charset=utf-8').send(`${error.message}\n`)
  }

  #busy(reply: FastifyReply): FastifyReply {
    return reply.code(503).header('retry-after', '1').send('too much is waiting: try again later\n')
  }

  async #push(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { inlet } = this.context
    const streams = decode(request)
    const labels = streams.map(({ labelsText }) => labelsOf(labelsText))
    if (!inlet.hasRoom || this.isStopped) return this.#busy(reply)
    const flow = inlet.openFlow(this.context.jobName)
    for (const [i, stream] of streams.entries()) {
      const offered = new Map([...this.config.labels, ...labels[i]!])
      for (let at = 0; at < stream.entryCount; at++) this.#take(stream, at, offered, flow)
    }
    // Ask a sender to retry only if the retried push is not counted twice.
    if (!this.config.usesIncomingTime || (await this.#isTaken(flow))) return reply.code(204).send()
    return this.#busy(reply)
  }

  #take(stream: PushStream, at: number, labels: ReadonlyMap<string, string>, flow: Flow): void {
    const start = stream.lineOffsets[at]!
    const line = stream.bytes.subarray(start, start + stream.lineLengths[at]!)
    const sentNs = BigInt(stream.seconds[at]!) * 1_000_000_000n + BigInt(stream.nanos[at]!)
    const timestampNs = this.config.usesIncomingTime ? sentNs : undefined
    this.context.inlet.add({ labels, line, timestampNs, metadata: stream.metadata?.[at] }, flow)
  }

  /** Resolves to true once a server has accepted a push, or to false after a while. */
  async #isTaken(flow: Flow): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const isTaken = await new Promise<boolean>(resolve => {
      const look = () => {
        if (flow.isTaken) resolve(true)
      }
      flow.onProgress = look
      timer = setTimeout(() => resolve(flow.isTaken), receivedAnswerMs)
      look()
    })
    clearTimeout(timer)
    flow.onProgress = undefined
    return isTaken
  }

  async #raw(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { inlet } = this.context
    const body = unzipped(request)
    if (!inlet.hasRoom || this.isStopped) return this.#busy(reply)
    for (let start = 0; start < body.length; ) {
      const lineFeed = body.indexOf(0x0a, start)
      const end = lineFeed < 0 ? body.length : lineFeed
      const hasReturn = end > start && body[end - 1] === 0x0d
      const line = body.subarray(start, hasReturn ? end - 1 : end)
      if (line.length > 0) inlet.add({ labels: this.config.labels, line, isFinal: true })
      start = end + 1
    }
    return reply.code(204).send()
  }

  async stop(): Promise<void> {
    if (this.isStopped) return
    this.isStopped = true
    // Senders that wait for an answer get it with the last batch, before `close`.
  }

  async close(): Promise<void> {
    await this.#server.close()
  }
}

function decode(request: FastifyRequest): PushStream[] {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase()
  if (type === 'application/json') return decodeJsonPush(unzipped(request))
  const isProtobuf = type === '' || type === 'application/x-protobuf'
  if (!isProtobuf) {
    throw new PushBodyError(
      `Content-Type ${type} is not supported: send application/x-protobuf or application/json`,
      { code: 'PUSH_BODY_UNSUPPORTED' },
    )
  }
  return decodePushRequest(snappyDecompress(bodyOf(request), receivedUnpackedBytesMax))
}

function bodyOf(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
}

function unzipped(request: FastifyRequest): Buffer {
  const body = bodyOf(request)
  if (request.headers['content-encoding'] !== 'gzip') return body
  try {
    return gunzipSync(body, { maxOutputLength: receivedUnpackedBytesMax })
  } catch (cause) {
    const isTooLarge = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    const code = isTooLarge ? 'PUSH_BODY_TOO_LARGE' : 'PUSH_BODY_MALFORMED'
    throw new PushBodyError(`gzip: ${(cause as Error).message}`, { code, cause })
  }
}

function labelsOf(text: string): [string, string][] {
  return Object.entries(labelSetToObject(parseLabelSet(text)))
}
