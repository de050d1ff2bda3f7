// Reads a server's address as people write it: a URL, with a login if the store or a proxy needs one.

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

/** How a command shows who asks. */
export interface Login {
  /** Name and password with a colon between. */
  readonly user?: string | undefined
  readonly token?: string | undefined
}

/** Options of commands that ask a store, for `parseArgs`. */
export const storeOptions = {
  url: { type: 'string' },
  tenant: { type: 'string' },
  user: { type: 'string' },
  token: { type: 'string' },
} as const

/** The options in the help of a command. */
export const storeOptionsUsage = `\
  --url URL           store to ask (default $SKALD_URL or http://127.0.0.1:3100)
  --tenant NAME       tenant, for a store with auth_enabled (default $SKALD_TENANT)
  --token TOKEN       token to show (default $SKALD_TOKEN)
  --user NAME:PASS    user and password to show (default $SKALD_USER and $SKALD_PASSWORD)`

/**
 * Reads an address, for a tenant if there is one. Returns `undefined` for anything but an HTTP URL.
 *
 * Special characters in the user name or password must be percent-encoded in the URL.
 */
export function readServerAddress(
  url: string,
  tenant: string | undefined,
  login: Login = {},
): Server | undefined {
  if (!/^https?:/.test(url) || !URL.canParse(url)) return undefined
  const { username, password } = new URL(url)
  const inUrl =
    username === '' && password === '' ? {} : { user: `${decode(username)}:${decode(password)}` }
  const isGiven = login.user !== undefined || login.token !== undefined
  const authorization = authorizationOf(isGiven ? login : inUrl)
  return {
    url: url.replace(/^(https?:\/\/)[^/?#]*@/, '$1').replace(/\/+$/, ''),
    headers: {
      ...(authorization !== undefined && { Authorization: authorization }),
      ...(tenant !== undefined && tenant !== '' && { 'X-Scope-OrgID': tenant }),
    },
  }
}

function authorizationOf({ user, token }: Login): string | undefined {
  if (token !== undefined) return `Bearer ${token}`
  if (user !== undefined) return `Basic ${Buffer.from(user).toString('base64')}`
  return undefined
}

/**
 * Reads a login from options, or else from the environment.
 * @throws UsageError when there are a user and a token, or the password is missing.
 */
export function readLogin(
  { user, token }: Login,
  env: Readonly<Record<string, string | undefined>>,
  usage: string,
): Login {
  if (user !== undefined && token !== undefined) {
    throw new UsageError('a user and a token are given: write one of them', { usage })
  }
  if (user !== undefined) return { user: withPassword(user, env, usage) }
  if (token !== undefined) return { token }
  if (env.SKALD_TOKEN) return { token: env.SKALD_TOKEN }
  if (env.SKALD_USER) return { user: withPassword(env.SKALD_USER, env, usage) }
  return {}
}

function withPassword(
  user: string,
  { SKALD_PASSWORD: password }: Readonly<Record<string, string | undefined>>,
  usage: string,
): string {
  if (user.includes(':')) return user
  if (password !== undefined) return `${user}:${password}`
  throw new UsageError(
    `the password of ${user} is missing: write NAME:PASS, or set $SKALD_PASSWORD`,
    {
      usage,
    },
  )
}

/**
 * Reads the options of a command that asks a store, with what they default to.
 * @throws UsageError when the URL is none, or the login is incomplete.
 */
export function readStore(
  {
    url,
    tenant,
    ...login
  }: Login & { readonly url?: string | undefined; readonly tenant?: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
  usage: string,
): Server {
  const text = url ?? meantStoreUrl(env)
  const isOwnUrl = URL.canParse(text) && new URL(text).username !== ''
  const isGiven = login.user !== undefined || login.token !== undefined
  // A URL with a user says more than the environment.
  const found = isOwnUrl && !isGiven ? {} : readLogin(login, env, usage)
  const server = readServerAddress(text, tenant ?? env.SKALD_TENANT, found)
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
