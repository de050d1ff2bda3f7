// Asks a store over HTTP, and says in one line what is wrong if it does not answer.

import { AskError } from '../errors.ts'
import type { Server } from '../server-address.ts'

/** Parameters of a request. Absent ones are left out. */
export type AskParams = Readonly<Record<string, string | undefined>>

/**
 * Sends a GET request and returns the body.
 * @throws AskError when the store cannot be reached, or does not answer 200.
 */
export async function askText(
  { url, headers }: Server,
  path: string,
  params: AskParams = {},
): Promise<string> {
  let response: Response
  let text: string
  try {
    response = await fetch(`${url}${path}${queryString(params)}`, { headers })
    text = await response.text()
  } catch (error) {
    throw new AskError(whyUnreachable(url, error as Error), { cause: error })
  }
  if (response.ok) return text
  throw new AskError(answeredText(url, response.status, text))
}

/**
 * The same for an answer in JSON.
 * @throws AskError also when the answer is no JSON: probably something else answers there.
 */
export async function askJson<T>(server: Server, path: string, params: AskParams = {}): Promise<T> {
  const text = await askText(server, path, params)
  try {
    return JSON.parse(text) as T
  } catch (cause) {
    throw new AskError(`${server.url}${path} did not answer with JSON. Is it a store?`, { cause })
  }
}

/** Writes parameters for the end of a URL. */
export function queryString(params: AskParams): string {
  const given = Object.entries(params).filter(([, value]) => value !== undefined)
  return given.length === 0 ? '' : `?${new URLSearchParams(given as [string, string][])}`
}

/** Says why nothing came. */
export function whyUnreachable(url: string, error: Error): string {
  const cause = error.cause as Error | undefined
  return `Cannot ask ${url}: ${cause?.message || error.message}. Is a store running there?`
}

/** Says what a store answered instead of what was asked for. */
export function answeredText(url: string, status: number, text: string): string {
  return `${url} answered ${status}: ${text.trim()}`
}
