// Sends requests to a server that may be slow, busy or down for a while. Retries with growing pauses, up to
// a limit.

import { setTimeout as sleep } from 'node:timers/promises'
import { firstPauseMs, longestPauseMs, requestAttemptsMax, requestTimeoutMs } from '../limits.ts'
import type { Server } from '../server-address.ts'

/** A final answer. `text` is cut at `bytesMax`. */
export interface Answer {
  readonly status: number
  readonly text: string
  readonly isCut: boolean
}

/** Options of a request, besides server and path. */
export interface RequestOptions {
  readonly method: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer>
  /** Most bytes of the answer to read. */
  readonly bytesMax: number
  /** Called before each pause. */
  readonly onRetry: (reason: string, pauseMs: number) => void
}

/**
 * Sends a request until the answer is not 408, 429 or 5xx.
 *
 * @throws Error with the last reason if every attempt failed.
 */
export async function sendRequest(
  server: Server,
  path: string,
  options: RequestOptions,
): Promise<Answer> {
  const url = `${server.url.replace(/\/+$/, '')}${path}`
  for (let attempt = 1, pauseMs = firstPauseMs; ; attempt++) {
    const outcome = await attemptRequest(url, server, options)
    if (typeof outcome !== 'string') return outcome
    if (attempt === requestAttemptsMax) {
      throw new Error(`Cannot reach ${server.url}: ${outcome} (${attempt} attempts)`)
    }
    options.onRetry(outcome, pauseMs)
    await sleep(pauseMs)
    pauseMs = Math.min(pauseMs * 2, longestPauseMs)
  }
}

/** Returns the answer, or the reason to retry. */
async function attemptRequest(
  url: string,
  server: Server,
  { method, headers, body, bytesMax }: RequestOptions,
): Promise<Answer | string> {
  try {
    const response = await fetch(url, {
      method,
      headers: { ...server.headers, ...headers },
      signal: AbortSignal.timeout(requestTimeoutMs),
      ...(body === undefined ? {} : { body }),
    })
    const { text, isCut } = await readText(response, bytesMax)
    const { status } = response
    const isPassing = status === 408 || status === 429 || status >= 500
    return isPassing ? `answered ${status}: ${text.trim().slice(0, 300)}` : { status, text, isCut }
  } catch (error) {
    const { message, cause } = error as Error
    return (cause as Error | undefined)?.message ?? message
  }
}

async function readText(
  response: Response,
  bytesMax: number,
): Promise<{ text: string; isCut: boolean }> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    // Leaving the loop cancels the body.
    if (bytes > bytesMax) return { text: '', isCut: true }
    chunks.push(chunk)
  }
  return { text: Buffer.concat(chunks).toString('utf8'), isCut: false }
}
