// Reads a server's address as people write it: a URL, with user and password if a proxy needs them.

import { UsageError } from './errors.ts'

/** A server, and the headers of each request to it. */
export interface Server {
  /** Without a trailing slash, and without user and password: fetch refuses them and messages must not show them. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** URLs of a store and an agent on this machine with their default ports. */
export const usualStoreUrl = 'http://127.0.0.1:3100'
export const usualAgentUrl = 'http://127.0.0.1:9080'

/** Returns the store to use if no URL is given: $SKALD_URL, or the one on this machine. */
export function meantStoreUrl(env: Readonly<Record<string, string | undefined>>): string {
  return env.SKALD_URL ?? usualStoreUrl
}

/**
 * Reads an address, for a tenant if there is one. Returns `undefined` for anything but an HTTP URL.
 *
 * Special characters in the user name or password must be percent-encoded in the URL.
 */
export function readServerAddress(url: string, tenant: string | undefined): Server | undefined {
  if (!/^https?:/.test(url) || !URL.canParse(url)) return undefined
  const { username, password } = new URL(url)
  const login = `${decode(username)}:${decode(password)}`
  return {
    url: url.replace(/^(https?:\/\/)[^/?#]*@/, '$1').replace(/\/+$/, ''),
    headers: {
      ...(login === ':' ? {} : { Authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
      ...(tenant === undefined || tenant === '' ? {} : { 'X-Scope-OrgID': tenant }),
    },
  }
}

/**
 * Reads `--url` and `--tenant` of a command that asks a store, with what they default to.
 * @throws UsageError when the URL is none.
 */
export function readStore(
  { url, tenant }: { readonly url?: string | undefined; readonly tenant?: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
  usage: string,
): Server {
  const text = url ?? meantStoreUrl(env)
  const server = readServerAddress(text, tenant ?? env.SKALD_TENANT)
  if (!server) throw new UsageError(`--url takes a URL, not ${wrongAddress(text)}`, { usage })
  return server
}

/** Returns how messages end about a text that is not an address: with the URL that was probably meant, if any. */
export function wrongAddress(text: string): string {
  const meant = `http://${text}`
  const isHost = /^([\w.-]+|\[[\da-f:]+\])(:\d+)?(\/|$)/i.test(text) && URL.canParse(meant)
  return isHost ? `${text}: write ${meant}` : text
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
