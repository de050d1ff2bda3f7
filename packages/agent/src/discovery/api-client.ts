// HTTP client for discovery APIs (a Kubernetes API server, a Docker daemon): JSON answers and streams that
// stay open. Tokens and certificates in files are read again for each request.

import type { Agent, IncomingMessage } from 'node:http'
import https from 'node:https'
import { formatDurationMs } from '@skald/go-dialect'
import { ApiError, describeError } from '../errors.ts'
import { apiAnswerMs, apiBodyBytesMax, apiErrorBytesMax, apiKeepAliveMs } from '../limits.ts'
import { parseRetryAfterMs } from '../net/backoff.ts'
import { authorizationHeader, type HeaderAuthorization } from '../net/credentials.ts'
import { type ClientTls, tlsOptions } from '../net/http-post.ts'
import { http } from '../net/node-http.ts'

/** Where an API is, and how to authenticate. */
export interface ApiConnection {
  /** Prefix of all request paths. */
  readonly url: URL
  /** Set if the API listens on a Unix socket. */
  readonly socketPath?: string
  readonly authorization?: HeaderAuthorization
  readonly tls?: ClientTls
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Parameters of a request. A list becomes one parameter per item; empty values are left out. */
export type ApiQuery = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>

/** Sends requests to one API. */
export class ApiClient {
  readonly #connection: ApiConnection
  readonly #userAgent: string
  readonly #agent: Agent

  constructor(connection: ApiConnection, userAgent: string) {
    this.#connection = connection
    this.#userAgent = userAgent
    const isTls = connection.url.protocol === 'https:'
    const options = { keepAlive: true, keepAliveMsecs: apiKeepAliveMs }
    this.#agent = isTls ? new https.Agent(options) : new http.Agent(options)
  }

  /**
   * Requests a complete JSON answer.
   *
   * @throws ApiError if the status is not 200; the system's error if no answer comes.
   */
  async getJson(path: string, query: ApiQuery, signal: AbortSignal): Promise<unknown> {
    const response = await this.open(path, query, { signal, idleMs: apiAnswerMs })
    const text = await readText(response, apiBodyBytesMax)
    return JSON.parse(text)
  }

  /**
   * Opens an answer for streaming. It is destroyed if nothing arrives for `idleMs`.
   *
   * @throws like `getJson`.
   */
  async open(
    path: string,
    query: ApiQuery,
    { signal, idleMs }: { readonly signal: AbortSignal; readonly idleMs: number },
  ): Promise<IncomingMessage> {
    const response = await this.#get(path, query, signal)
    const { statusCode = 0 } = response
    if (statusCode !== 200) {
      const text = await readText(response, apiErrorBytesMax)
      const retryAfterMs = parseRetryAfterMs(response.headers['retry-after'], Date.now())
      const message = `HTTP status ${statusCode}: ${describeFailure(text)}`
      throw new ApiError(message, { status: statusCode, retryAfterMs })
    }
    response.setTimeout(idleMs, () =>
      response.destroy(new Error(`nothing arrived for ${formatDurationMs(idleMs)}`)),
    )
    return response
  }

  #get(path: string, query: ApiQuery, signal: AbortSignal): Promise<IncomingMessage> {
    const { url: base, socketPath, authorization, tls } = this.#connection
    const url = new URL(base)
    url.pathname = base.pathname.replace(/\/+$/, '') + path
    for (const [name, value] of Object.entries(query)) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== undefined && one !== '') url.searchParams.append(name, String(one))
      }
    }
    const headers = {
      accept: 'application/json',
      ...this.#connection.headers,
      'user-agent': this.#userAgent,
      ...(authorization ? { authorization: authorizationHeader(authorization) } : {}),
    }
    const isTls = url.protocol === 'https:'
    const options = { agent: this.#agent, headers, signal, ...(socketPath ? { socketPath } : {}) }
    return new Promise((resolve, reject) => {
      const request = isTls
        ? https.request(url, { ...options, ...tlsOptions(tls) })
        : http.request(url, options)
      const timer = setTimeout(
        () => request.destroy(new Error(`no answer within ${formatDurationMs(apiAnswerMs)}`)),
        apiAnswerMs,
      )
      request.once('error', error => {
        clearTimeout(timer)
        // An AggregateError, with one error per address of the host, has no message.
        reject(error.message ? error : new Error(describeError(error), { cause: error }))
      })
      request.once('response', response => {
        clearTimeout(timer)
        resolve(response)
      })
      request.end()
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

async function readText(response: IncomingMessage, bytesMax: number): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length
    if (size > bytesMax) throw new Error(`the answer is larger than ${bytesMax} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** Extracts the message from an error's body. Both APIs use the key `message`. */
function describeFailure(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    if (typeof message === 'string') return message
  } catch {
    // Not JSON: something between us and the API answered.
  }
  return text.trim().split('\n', 1)[0] || 'no reason given'
}
