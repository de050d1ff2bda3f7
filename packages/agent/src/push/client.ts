// One HTTP POST of one batch: headers, authentication, TLS, timeouts. What an answer means is decided
// by the queue.

import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { parseRetryAfterMs } from './backoff.ts'

/** What came back: the status, or -1 where no answer came. */
export interface PushAnswer {
  readonly status: number
  /** First line of the body, or why there is none. */
  readonly text: string
  readonly retryAfterMs?: number
}

/** Sends bodies to one server. */
export interface PushTransport {
  push(body: Buffer, tenant: string, signal: AbortSignal): Promise<PushAnswer>
  close(): void
}

/** A secret that is given or stands in a file, which is read again for each request. */
export type Secret = { readonly text: string } | { readonly file: string }

export type ClientAuthorization =
  | { readonly kind: 'basic'; readonly username: Secret; readonly password: Secret }
  | { readonly kind: 'header'; readonly type: string; readonly credentials: Secret }

export interface ClientTls {
  readonly ca?: Secret
  readonly cert?: Secret
  readonly key?: Secret
  readonly serverName?: string
  readonly isInsecure: boolean
  readonly minVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
}

export interface TransportConfig {
  readonly url: URL
  readonly headers: ReadonlyMap<string, string>
  readonly timeoutMs: number
  readonly followsRedirects: boolean
  readonly authorization?: ClientAuthorization
  readonly tls?: ClientTls
  readonly userAgent: string
}

// Bytes of an answer that are looked at.
const answerBytesMax = 1024
const redirectsMax = 10
const socketsMax = 8

/** Makes the transport for one client. Connections are kept open between requests. */
export function createPushTransport(config: TransportConfig): PushTransport {
  const agentOptions = { keepAlive: true, maxSockets: socketsMax }
  const plainAgent = new http.Agent(agentOptions)
  const tlsAgent = new https.Agent({ ...agentOptions, ...tlsOptions(config.tls) })

  async function push(body: Buffer, tenant: string, signal: AbortSignal): Promise<PushAnswer> {
    const timeout = AbortSignal.timeout(config.timeoutMs)
    let url = config.url
    try {
      for (let redirects = 0; ; redirects++) {
        const answer = await post(url, body, headersFor(tenant), AbortSignal.any([signal, timeout]))
        const isRedirect = answer.status === 307 || answer.status === 308
        if (!isRedirect || !config.followsRedirects || !answer.location) return answer
        if (redirects >= redirectsMax) return { status: -1, text: 'stopped after 10 redirects' }
        url = new URL(answer.location, url)
      }
    } catch (error) {
      const why = timeout.aborted ? `no answer within ${config.timeoutMs} ms` : describe(error)
      return { status: -1, text: why }
    }
  }

  function headersFor(tenant: string): Record<string, string> {
    const headers: Record<string, string> = {}
    for (const [name, value] of config.headers) headers[name.toLowerCase()] = value
    if (config.authorization) headers.authorization = authorizationHeader(config.authorization)
    headers['content-type'] = 'application/x-protobuf'
    headers['user-agent'] = config.userAgent
    delete headers['x-scope-orgid']
    if (tenant !== '') headers['x-scope-orgid'] = tenant
    return headers
  }

  function post(
    url: URL,
    body: Buffer,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<PushAnswer & { location?: string | undefined }> {
    const isTls = url.protocol === 'https:'
    const agent = isTls ? tlsAgent : plainAgent
    const options = { method: 'POST', agent, signal, headers }
    return new Promise((resolve, reject) => {
      const request = (isTls ? https : http).request(url, options, response => {
        const parts: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          if (size < answerBytesMax) parts.push(chunk)
          size += chunk.length
        })
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8', 0, answerBytesMax).split('\n', 1)[0]!
          const retryAfterMs = parseRetryAfterMs(response.headers['retry-after'], Date.now())
          const status = response.statusCode ?? -1
          const { location } = response.headers
          resolve({
            status,
            text,
            location,
            ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
          })
        })
      })
      request.on('error', reject)
      request.setHeader('content-length', body.length)
      request.end(body)
    })
  }

  return {
    push,
    close() {
      plainAgent.destroy()
      tlsAgent.destroy()
    },
  }
}

function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describe).join('; ')
  return error instanceof Error ? error.message : String(error)
}

function readSecret(secret: Secret): string {
  return 'text' in secret ? secret.text : readFileSync(secret.file, 'utf8').trim()
}

/** Makes the Authorization header; secrets in files are read now. */
export function authorizationHeader(authorization: ClientAuthorization): string {
  if (authorization.kind === 'header') {
    return `${authorization.type} ${readSecret(authorization.credentials)}`
  }
  const pair = `${readSecret(authorization.username)}:${readSecret(authorization.password)}`
  return `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`
}

/** Makes the options of a TLS connection; certificates in files are read now. */
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
