// OTLP over gRPC: the logs service of OpenTelemetry, on a separate port (4317 by convention).

import { once } from 'node:events'
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, isIPv6 } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { nsPerMs } from '@skald/go-dialect'
import type { OtlpMapping } from '@skald/wire'
import { decodeOtlpLogs, encodeExportResponse } from '@skald/wire/otlp'
import type { Logger } from 'pino'
import { PushRejectedError } from '../../errors.ts'
import { answerOf, type RequestError } from '../../http/error-status.ts'
import { BodyUnpacker } from '../../http/push-body.ts'
import { resolveTenant } from '../../http/tenant.ts'
import type { Ingester } from '../../ingest/ingester.ts'
import type { PushBudget, PushShare } from '../../ingest/push-budget.ts'
import {
  grpcConnectionsMax,
  grpcIdleMs,
  grpcStreamMs,
  grpcStreamsMax,
  pushBodyBytesMax,
} from '../../limits.ts'
import type { OtlpGrpcConfig } from '../../receivers-config.ts'
import { clientOptions, isClientAllowed, readCertificate } from '../../tls/certificate.ts'
import { CertificateWatch } from '../../tls/certificate-watch.ts'
import {
  GrpcError,
  grpcCodes,
  grpcEncodings,
  grpcMessage,
  grpcStatus,
  isCompressed,
  readGrpcMessage,
  tooLarge,
} from './grpc-messages.ts'

/** The parts of the store that the server uses. */
export interface OtlpGrpcParts {
  readonly ingester: Ingester
  readonly budget: PushBudget
  readonly logger: Logger
  readonly clock: { now(): number }
  readonly authEnabled: boolean
  /** Lets a call in, or throws. Absent if everybody may come in. */
  readonly admit?: ((call: ArrivedCall) => Promise<void>) | undefined
  /** Returns how to map the attributes of a tenant's records. */
  readonly mappingOf: (tenant: string) => OtlpMapping
}

/** What tells who makes a call. */
export interface ArrivedCall {
  readonly headers: IncomingHttpHeaders
  readonly ip: string
  readonly method: string
  readonly url: string
}

const exportPath = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'

/** The server. */
export class OtlpGrpcReceiver {
  readonly #config: OtlpGrpcConfig
  readonly #parts: OtlpGrpcParts
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #calls = new Set<Promise<void>>()
  readonly #unpacker = new BodyUnpacker()
  #server: Http2Server | Http2SecureServer | undefined
  #watch: CertificateWatch | undefined

  readonly #idleMs: number

  /** @param idleMs How long a connection may be silent. */
  constructor(config: OtlpGrpcConfig, parts: OtlpGrpcParts, idleMs = grpcIdleMs) {
    this.#config = config
    this.#parts = parts
    this.#idleMs = idleMs
  }

  /** Where it listens, such as `grpc 127.0.0.1:4317`. */
  get place(): string {
    const { address, port } = this.#server!.address() as AddressInfo
    return `grpc ${isIPv6(address) ? `[${address}]` : address}:${port}`
  }

  /** @throws the system's error if it cannot listen, CertificateError if TLS cannot be used. */
  async listen(): Promise<void> {
    const { address } = this.#config
    const { logger } = this.#parts
    const server = this.#createServer()
    this.#server = server
    server.maxConnections = grpcConnectionsMax
    server.on('session', session => {
      this.#sessions.add(session)
      session.on('close', () => this.#sessions.delete(session))
      session.setTimeout(this.#idleMs, () => session.close())
      // The calls of a broken connection end by themselves.
      session.on('error', () => undefined)
    })
    server.on('stream', (stream, headers) => this.#accept(stream, headers))
    server.listen({ port: address.port, ...(address.host && { host: address.host }) })
    await once(server, 'listening')
    server.on('error', error => logger.warn({ err: error }, 'the OTLP listener failed'))
    logger.info({ place: this.place }, 'OTLP listens for gRPC')
  }

  #createServer(): Http2Server | Http2SecureServer {
    const { tls: config } = this.#config
    const options = { settings: { maxConcurrentStreams: grpcStreamsMax } }
    if (!config) return createServer(options)
    const certificate = readCertificate(config)
    const server = createSecureServer({
      ...{ ...options, ...certificate.context, ...clientOptions(config) },
    })
    server.prependListener('secureConnection', (socket: TLSSocket) => {
      if (!isClientAllowed(config, socket)) socket.destroy()
    })
    const { logger } = this.#parts
    this.#watch = new CertificateWatch({ config, certificate, server, logger })
    return server
  }

  #accept(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', () => undefined)
    stream.setTimeout(grpcStreamMs, () => stream.close())
    const call = this.#answer(stream, headers)
      .catch(error => this.#fail(stream, error as Error))
      .finally(() => this.#calls.delete(call))
    this.#calls.add(call)
  }

  async #answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const { authEnabled, budget, admit } = this.#parts
    const path = headers[':path']
    if (path !== exportPath || headers[':method'] !== 'POST') {
      throw new GrpcError(`unknown method ${path}: Skald takes logs, at ${exportPath}`, {
        grpcCode: grpcCodes.unimplemented,
      })
    }
    const address = stream.session?.socket.remoteAddress ?? ''
    await admit?.({ headers, ip: address, method: 'POST', url: path })
    const tenant = resolveTenant(textOf(headers['x-scope-orgid']), authEnabled)
    const share = budget.enter({ tenant: authEnabled ? tenant : '', address })
    try {
      const body = await readBody(stream, share)
      const message = await this.#unpack(body, headers, { share, address })
      share.decoded()
      const userAgent = textOf(headers['user-agent']) ?? ''
      const answer = await this.#export(tenant, message, { address, userAgent })
      if (stream.destroyed || stream.closed) return
      stream.respond(answerHeaders, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers(grpcStatus(grpcCodes.ok)))
      stream.end(grpcMessage(answer))
    } finally {
      share.release()
    }
  }

  async #unpack(
    body: Buffer,
    headers: IncomingHttpHeaders,
    { share, address }: { readonly share: PushShare; readonly address: string },
  ): Promise<Buffer> {
    if (!isCompressed(body)) return await readGrpcMessage(body, headers)
    return await this.#unpacker.inTurn(address, async () => {
      const message = await readGrpcMessage(body, headers)
      share.unpacked(body.length + message.length)
      return message
    })
  }

  /** Stores the records of a request. Returns the answer, with how many can never be stored. */
  async #export(
    tenant: string,
    message: Buffer,
    client: { readonly address: string; readonly userAgent: string },
  ): Promise<Uint8Array> {
    const { ingester, clock, mappingOf } = this.#parts
    const nowNs = BigInt(clock.now()) * nsPerMs
    const streams = decodeOtlpLogs(message, { mapping: mappingOf(tenant), nowNs })
    // A request without records is a test of the connection.
    if (streams.length === 0) return new Uint8Array()
    let rejectedCount = 0
    let isLimited = false
    try {
      await ingester.push(tenant, streams, {
        client,
        onRefused: refused => {
          rejectedCount += refused.rows.length
          isLimited ||= refused.isLimited
        },
      })
    } catch (error) {
      if (!(error instanceof PushRejectedError) || rejectedCount === 0 || isLimited) throw error
      return encodeExportResponse(rejectedCount, error.message)
    }
    return new Uint8Array()
  }

  #fail(stream: ServerHttp2Stream, error: RequestError): void {
    if (stream.destroyed || stream.closed || stream.headersSent) return
    const { code, retryAfterSeconds } = this.#statusOf(error)
    const status = grpcStatus(code, error.message, retryAfterSeconds)
    stream.respond({ ...answerHeaders, ...status }, { endStream: true })
    // The rest of the request is of no use.
    if (!stream.readableEnded) stream.close()
  }

  #statusOf(error: RequestError): { readonly code: number; readonly retryAfterSeconds?: number } {
    if (error instanceof GrpcError) return { code: error.grpcCode }
    const { status, isLogged = false } = answerOf(error)
    if (isLogged) this.#parts.logger.error({ err: error }, 'a gRPC call failed')
    const code = codeOfStatus[status] ?? grpcCodes.internal
    const isRepeated = status === 429 || status === 503
    return { code, ...(isRepeated && { retryAfterSeconds: error.retryAfterSeconds ?? 1 }) }
  }

  /** Finishes calls that have arrived, then ends. */
  async close(): Promise<void> {
    this.#server?.close()
    await this.#watch?.close()
    for (const session of this.#sessions) session.close()
    await Promise.race([Promise.all(this.#calls), once(AbortSignal.timeout(3_000), 'abort')])
    for (const session of this.#sessions) session.destroy()
  }
}

const answerHeaders = {
  ':status': 200,
  'content-type': 'application/grpc+proto',
  'grpc-accept-encoding': grpcEncodings,
} as const

/** HTTP status of an error → code of gRPC. */
const codeOfStatus: Readonly<Record<number, number>> = {
  400: grpcCodes.invalidArgument,
  401: grpcCodes.unauthenticated,
  403: grpcCodes.permissionDenied,
  413: grpcCodes.resourceExhausted,
  422: grpcCodes.invalidArgument,
  429: grpcCodes.resourceExhausted,
  503: grpcCodes.unavailable,
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

async function readBody(stream: ServerHttp2Stream, share: PushShare): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > pushBodyBytesMax) throw tooLarge(pushBodyBytesMax)
    share.received(length)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}
