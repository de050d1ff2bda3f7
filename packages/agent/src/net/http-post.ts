// HTTP POST requests to one server, with its TLS settings and proxy, over connections that stay open.

import type { Agent, AgentOptions, IncomingMessage } from 'node:http'
import https from 'node:https'
import { answerBytesMax, socketsMax } from '../limits.ts'
import { parseRetryAfterMs } from './backoff.ts'
import { readSecret, type Secret } from './credentials.ts'
import { http } from './node-http.ts'

export interface ClientTls {
  readonly ca?: Secret
  readonly cert?: Secret
  readonly key?: Secret
  readonly serverName?: string
  readonly isInsecure: boolean
  readonly minVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
}

/** Proxies by scheme of the target, in the format of the environment variables that name them. */
export interface ProxyConfig {
  readonly HTTP_PROXY?: string
  readonly HTTPS_PROXY?: string
  readonly NO_PROXY?: string
}

/** An answer to a POST. */
export interface PostAnswer {
  readonly status: number
  readonly text: string
  readonly retryAfterMs?: number
  /** Target of a redirect. */
  readonly location?: string | undefined
}

/** A request to post. */
export interface Post {
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** True if the caller needs the body of a 2xx answer. */
  readonly isRead?: boolean
}

/** Posts to servers. `close` ends its connections. */
export class HttpPoster {
  readonly #tls: ClientTls | undefined
  readonly #agentOptions: AgentOptions
  readonly #plainAgent: Agent
  #tlsAgent: { readonly agent: https.Agent; readonly text: string } | undefined

  constructor({ tls, proxy }: { readonly tls?: ClientTls; readonly proxy?: ProxyConfig }) {
    this.#tls = tls
    this.#agentOptions = {
      ...{ keepAlive: true, maxSockets: socketsMax },
      ...(proxy && { proxyEnv: { ...proxy } }),
    }
    this.#plainAgent = new http.Agent(this.#agentOptions)
  }

  /** Posts. Rejects if no answer comes, or if a key or certificate file is unreadable. */
  post(url: URL, { body, headers, signal, isRead = false }: Post): Promise<PostAnswer> {
    const isTls = url.protocol === 'https:'
    return new Promise((resolve, reject) => {
      const agent = isTls ? this.#currentTlsAgent() : this.#plainAgent
      const options = { method: 'POST', agent, signal, headers: { ...headers } }
      const request = (isTls ? https : http).request(url, options, response => {
        readAnswer(response, isRead).then(resolve, reject)
      })
      request.on('error', reject)
      request.setHeader('content-length', body.length)
      request.end(body)
    })
  }

  /** Returns the TLS agent. Creates a new one when a certificate or key file has changed. */
  #currentTlsAgent(): https.Agent {
    const options = tlsOptions(this.#tls)
    const text = JSON.stringify(options)
    if (this.#tlsAgent?.text !== text) {
      const old = this.#tlsAgent?.agent
      this.#tlsAgent = { agent: new https.Agent({ ...this.#agentOptions, ...options }), text }
      old?.destroy()
    }
    return this.#tlsAgent.agent
  }

  close(): void {
    this.#plainAgent.destroy()
    this.#tlsAgent?.agent.destroy()
  }
}

/**
 * Reads an answer. A 2xx means the server accepted the batch, whatever happens to the body, unless the
 * caller asked for the body. Other bodies are read only in part.
 */
async function readAnswer(response: IncomingMessage, isRead: boolean): Promise<PostAnswer> {
  const status = response.statusCode ?? -1
  const retryAfterMs = parseRetryAfterMs(response.headers['retry-after'], Date.now())
  const { location } = response.headers
  const base = { status, location, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
  if (status >= 200 && status < 300 && !isRead) {
    // Ignore a body that is cut off, endless or slow: the request's timeout ends it.
    response.on('error', () => undefined)
    response.resume()
    return { ...base, text: '' }
  }
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      parts.push(chunk)
      size += chunk.length
      // Leaving the loop closes the connection.
      if (size >= answerBytesMax) break
    }
  } catch {
    // Only the status matters; part of an error's body is good enough.
  }
  return { ...base, text: Buffer.concat(parts).toString('utf8') }
}

/** Builds the options of a TLS connection. Reads certificate files now. */
export function tlsOptions(tls: ClientTls | undefined): https.AgentOptions {
  if (!tls) return {}
  return {
    rejectUnauthorized: !tls.isInsecure,
    ...(tls.ca ? { ca: readSecret(tls.ca) } : {}),
    ...(tls.cert ? { cert: readSecret(tls.cert) } : {}),
    ...(tls.key ? { key: readSecret(tls.key) } : {}),
    ...(tls.serverName ? { servername: tls.serverName } : {}),
    ...(tls.minVersion ? { minVersion: tls.minVersion } : {}),
    ...(tls.maxVersion ? { maxVersion: tls.maxVersion } : {}),
  }
}
