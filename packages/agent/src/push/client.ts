// Pushes one batch: headers, authentication, redirects, timeouts. verdict.ts decides what an answer means.

import { formatDurationMs } from '@skald/go-dialect'
import { describeError } from '../errors.ts'
import { answerCharactersMax, redirectsMax } from '../limits.ts'
import {
  type ClientAuthorization,
  Credentials,
  readSecret,
  type Secret,
} from '../net/credentials.ts'
import { type ClientTls, HttpPoster, type ProxyConfig } from '../net/http-post.ts'

/** The result of a push. The status is -1 if no answer came. */
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

export interface TransportConfig {
  readonly url: URL
  readonly headers: ReadonlyMap<string, Secret>
  readonly timeoutMs: number
  readonly followsRedirects: boolean
  readonly authorization?: ClientAuthorization
  readonly tls?: ClientTls
  readonly proxy?: ProxyConfig
}

// The redirects that keep the method, and those where other clients switch to GET although a push must be a
// POST. 303 only points to another page: the batch was not accepted there.
const redirects = new Set([301, 302, 307, 308])

/** Makes the transport for one client. Connections stay open between requests. */
export function createPushTransport(config: TransportConfig, userAgent: string): PushTransport {
  const poster = new HttpPoster(config)
  const timeoutSignal = () => AbortSignal.timeout(config.timeoutMs)
  const credentials = new Credentials(config.authorization, (url, form, headers) =>
    poster.post(url, {
      body: Buffer.from(form.toString()),
      headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
      signal: timeoutSignal(),
      isRead: true,
    }),
  )

  async function headersFor(tenant: string): Promise<Record<string, string>> {
    const headers: Record<string, string> = {}
    for (const [name, value] of config.headers) headers[name.toLowerCase()] = readSecret(value)
    if (headers.authorization === undefined) {
      const authorization = await credentials.header()
      if (authorization !== undefined) headers.authorization = authorization
    }
    headers['content-type'] = 'application/x-protobuf'
    headers['user-agent'] = userAgent
    if (tenant !== '') headers['x-scope-orgid'] = tenant
    return headers
  }

  async function follow(body: Buffer, tenant: string, signal: AbortSignal): Promise<PushAnswer> {
    const headers = await headersFor(tenant)
    let { url } = config
    for (let count = 0; count <= redirectsMax; count++) {
      const { location, ...answer } = await poster.post(url, { body, headers, signal })
      const { status } = answer
      const text = firstLine(answer.text)
      if (status === 401) credentials.refused()
      if (status < 300 || status >= 400) return { ...answer, text }
      if (!redirects.has(status) || !config.followsRedirects || location === undefined) {
        const where = location === undefined ? '' : ` to ${location}`
        return { status, text: text || `redirected${where}: set url to the new place` }
      }
      const next = new URL(location, url)
      // Never send one server's secret to another.
      if (next.host !== url.host) delete headers.authorization
      url = next
    }
    return { status: -1, text: `stopped after ${redirectsMax} redirects` }
  }

  return {
    async push(body, tenant, signal) {
      const timeout = timeoutSignal()
      try {
        return await follow(body, tenant, AbortSignal.any([signal, timeout]))
      } catch (error) {
        const why = timeout.aborted
          ? `no answer within ${formatDurationMs(config.timeoutMs)}`
          : describeError(error)
        return { status: -1, text: why }
      }
    },
    close: () => poster.close(),
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.slice(0, answerCharactersMax).trim()
}
