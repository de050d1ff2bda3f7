// The address of a server as people write it: a URL, with a user and a password where a proxy asks for them.

/** A server to ask, and what each request to it carries. */
export interface Server {
  /** Without user and password, which neither fetch nor a message is for, and without a slash at its end. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** Addresses of a store and an agent of this machine that have their usual ports. */
export const usualStoreUrl = 'http://127.0.0.1:3100'
export const usualAgentUrl = 'http://127.0.0.1:9080'

/** The store that is meant where no URL is given: $SKALD_URL, or the one of this machine. */
export function meantStoreUrl(env: Readonly<Record<string, string | undefined>>): string {
  return env.SKALD_URL ?? usualStoreUrl
}

/**
 * Reads an address, for a tenant where there are some; `undefined` for what is no URL of HTTP.
 *
 * A name or password with signs that mean something in a URL is percent-encoded there.
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

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
