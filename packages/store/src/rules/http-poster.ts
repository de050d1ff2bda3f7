// Sends requests to one server: with its certificates, credentials and time limit. Follows no redirects, so that no
// secret and no alert goes to another server.

import { readFileSync } from 'node:fs'
import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { SecureVersion } from 'node:tls'
import { answerCharsMax, retryAfterMsMost } from '../limits.ts'
import type { SecretText, ServerAccess } from '../ruler-config.ts'
import type { Sign } from './aws-signature.ts'

/** The answer of a server. */
export interface PostAnswer {
  /** -1 if there was no answer. */
  readonly status: number
  /** The beginning of the answer, or why there is none. */
  readonly text: string
  /** How long the server wants to be left alone, in milliseconds, up to `retryAfterMsMost`. */
  readonly retryAfterMs: number | undefined
}

export interface Post {
  readonly url: string
  readonly body: Buffer | string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Returns true if a request failed in a way that another one may not. */
export function mayRetry({ status }: PostAnswer): boolean {
  return status < 0 || status === 429 || status >= 500
}

/** Keeps the connections to one server. */
export class HttpPoster {
  readonly #access: ServerAccess
  readonly #plain = new HttpAgent({ keepAlive: true })
  #secure: HttpsAgent | undefined
  #sign: Promise<Sign> | undefined

  constructor(access: ServerAccess) {
    this.#access = access
  }

  /** Sends a request. Never throws: what goes wrong is in the answer. */
  async post({ url, body, headers, timeoutMs, signal }: Post): Promise<PostAnswer> {
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      const target = new URL(url)
      const either = AbortSignal.any([signal, timeout])
      const signed = await untilAborted(this.#withCredentials(target, body, headers), either)
      const options = {
        method: 'POST',
        headers: { ...signed, 'content-length': Buffer.byteLength(body) },
        signal: either,
      }
      return await this.#send(target, body, options)
    } catch (error) {
      const why = timeout.aborted ? `no answer within ${timeoutMs / 1000} s` : reasonOf(error)
      return { status: -1, text: why, retryAfterMs: undefined }
    }
  }

  close(): void {
    this.#plain.destroy()
    this.#secure?.destroy()
  }

  async #withCredentials(
    url: URL,
    body: Buffer | string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Record<string, string>> {
    const { authorization, basicAuth, sigv4 } = this.#access
    if (sigv4) {
      this.#sign ??= import('./aws-signature.ts').then(({ createSigner }) => createSigner(sigv4))
      return (await this.#sign)({ url, body, headers })
    }
    if (authorization) {
      const { type, credentials } = authorization
      return { ...headers, authorization: `${type} ${readSecret(credentials)}` }
    }
    if (!basicAuth) return { ...headers }
    const pair = `${basicAuth.username}:${readSecret(basicAuth.password)}`
    return { ...headers, authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
  }

  #send(url: URL, body: Buffer | string, options: RequestOptions): Promise<PostAnswer> {
    const isSecure = url.protocol === 'https:'
    const send = isSecure ? httpsRequest : httpRequest
    const agent = isSecure ? this.#secureAgent() : this.#plain
    return new Promise((done, fail) => {
      const request = send(url, { ...options, agent }, response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (piece: string) => {
          if (text.length < answerCharsMax) text += piece
        })
        response.once('error', fail)
        response.once('end', () => {
          const { statusCode: status = -1, headers } = response
          const retryAfterMs = retryAfterOf(headers['retry-after'])
          done({ status, text: text.trim().slice(0, answerCharsMax), retryAfterMs })
        })
      })
      request.once('error', fail)
      request.end(body)
    })
  }

  #secureAgent(): HttpsAgent {
    const { tls } = this.#access
    this.#secure ??= new HttpsAgent({
      keepAlive: true,
      rejectUnauthorized: !tls.isUnverified,
      ...(tls.caFile && { ca: readFileSync(tls.caFile) }),
      ...(tls.certFile && { cert: readFileSync(tls.certFile) }),
      ...(tls.keyFile && { key: readFileSync(tls.keyFile) }),
      ...(tls.serverName && { servername: tls.serverName }),
      ...(tls.minVersion && { minVersion: tls.minVersion as SecureVersion }),
      ...(tls.ciphers && { ciphers: tls.ciphers }),
    })
    return this.#secure
  }
}

/** Waits for work that cannot be stopped, until a signal. @throws the reason of the signal. */
function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((done, fail) => {
    if (signal.aborted) fail(signal.reason)
    signal.addEventListener('abort', () => fail(signal.reason), { once: true })
    work.then(done, fail)
  })
}

/** Timers take a longer wait than they know for none. */
function retryAfterOf(seconds: string | undefined): number | undefined {
  const ms = Number(seconds) * 1000
  return ms > 0 ? Math.min(ms, retryAfterMsMost) : undefined
}

/** Returns a secret. One in a file is read each time, so that it may change. @throws the system's error. */
export function readSecret(secret: SecretText): string {
  return 'text' in secret ? secret.text : readFileSync(secret.file, 'utf8').trim()
}

function reasonOf(error: unknown): string {
  const { message, cause, errors } = error as AggregateError & { cause?: Error }
  return message || cause?.message || (errors?.[0] as Error | undefined)?.message || 'no connection'
}
