// Owns the store's listening socket. It opens before the data does. While the store waits for its
// directory or recovers, clients get 503 and retry; and if the port is taken, the start fails
// before it touches a file.

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { requestArrivalMs, requestHeadBytesMax, tlsHandshakeMs } from '../limits.ts'
import { type Certificate, clientOptions, isClientAllowed } from '../tls/certificate.ts'
import type { TlsConfig } from '../tls/tls-config.ts'

type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  /** How long a request's head may take to arrive. */
  readonly headPauseMs: number
  /** How long a connection may wait for its next request. Grafana drops idle ones after 90 s. */
  readonly idleMs: number
  /** Maximum number of connections; 0 for no limit. */
  readonly connectionsMax: number
  /**
   * Returns true for requests that may upgrade to another protocol. For all others, the upgrade
   * header is ignored.
   */
  readonly mayUpgrade: (request: IncomingMessage) => boolean
  /** Without it, the server speaks plain HTTP. */
  readonly tls?: { readonly config: TlsConfig; readonly certificate: Certificate } | undefined
}

/** A socket that answers 503 until `serve` is called. */
export class Listener {
  /** An `https` server works like an `http` one for all code that uses it. */
  readonly server: Server
  /** The same server, if it speaks TLS. */
  readonly tlsServer: TlsServer | undefined
  #handler: RequestHandler | undefined
  #closing: Promise<void> | undefined
  #status = 'it is starting'

  constructor(settings: Omit<ListenerOptions, 'host' | 'port'>) {
    const { headPauseMs, idleMs, connectionsMax, mayUpgrade, tls } = settings
    const options: ServerOptions & { shouldUpgradeCallback: ListenerOptions['mayUpgrade'] } = {
      maxHeaderSize: requestHeadBytesMax,
      // The default checks heads only every 30 s, no matter how short their timeout is.
      connectionsCheckingInterval: Math.min(Math.max(headPauseMs / 4, 50), 30_000),
      headersTimeout: Math.min(headPauseMs, requestArrivalMs),
      keepAliveTimeout: idleMs,
      // connection-watch.ts cuts requests that take too long, except those that may.
      requestTimeout: 0,
      shouldUpgradeCallback: request => this.#handler !== undefined && mayUpgrade(request),
    }
    const answer: RequestHandler = (request, response) => {
      if (this.#handler) this.#handler(request, response)
      else answerNotReady(request, response, this.#status)
    }
    this.tlsServer = tls && createTls(options, tls, answer)
    this.server = (this.tlsServer as Server | undefined) ?? createServer(options, answer)
    if (connectionsMax > 0) this.server.maxConnections = connectionsMax
  }

  /** Sets the reason given in 503 answers, for example `it is starting`. */
  set status(text: string) {
    this.#status = text
  }

  /** Address it listens on, such as `0.0.0.0:3100`. */
  get address(): string {
    const { address, port } = this.server.address() as AddressInfo
    return `${address.includes(':') ? `[${address}]` : address}:${port}`
  }

  /** URL to reach it from this machine, such as `http://127.0.0.1:3100`. */
  get url(): string {
    return `${this.tlsServer ? 'https' : 'http'}://${this.address.replace(/^0\.0\.0\.0:/, '127.0.0.1:')}`
  }

  /** Passes all further requests to the routes. */
  serve(handler: RequestHandler): void {
    this.#handler = handler
  }

  /** Accepts no more connections. Resolves once the open ones have ended. */
  close(): Promise<void> {
    this.#closing ??= new Promise(resolve => {
      if (!this.server.listening) return resolve()
      this.server.close(() => resolve())
      this.server.closeIdleConnections()
    })
    return this.#closing
  }
}

/** Opens the socket. @throws the system's error when the port is not available. */
export async function openListener({ host, port, ...options }: ListenerOptions): Promise<Listener> {
  const listener = new Listener(options)
  await new Promise<void>((resolve, reject) => {
    listener.server.once('error', reject)
    listener.server.listen({ host, port }, () => {
      listener.server.off('error', reject)
      resolve()
    })
  })
  return listener
}

function createTls(
  options: ServerOptions,
  { config, certificate }: NonNullable<ListenerOptions['tls']>,
  answer: RequestHandler,
): TlsServer {
  const secure = {
    ...{ ...certificate.context, ...clientOptions(config) },
    handshakeTimeout: tlsHandshakeMs,
  }
  const server = createTlsServer({ ...options, ...secure }, answer)
  // Before the server reads a request.
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    if (!isClientAllowed(config, socket)) socket.destroy()
  })
  return server
}

function answerNotReady(request: IncomingMessage, response: ServerResponse, status: string): void {
  response.writeHead(503, {
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
    'Retry-After': '1',
    // The body of a push is not read, so the connection cannot be reused.
    ...(request.method !== 'GET' && { Connection: 'close' }),
  })
  response.end(`Store not ready: ${status}\n`)
}
