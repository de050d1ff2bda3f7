// Functions of URLs: one row each.

import { FunctionError } from '../../errors.ts'
import { fn } from '../function.ts'
import { GoMap, kindOf } from '../values.ts'

export const urlFunctions = {
  urlParse: fn(['string'], parseUrl),
  urlJoin: fn(['map'], joinUrl),
}

const urlPattern =
  /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s

function parseUrl(text: string): GoMap {
  const refuse = (why: string) =>
    new FunctionError(`unable to parse url: parse ${JSON.stringify(text)}: ${why}`)
  if (/[\p{Cc}]/u.test(text)) throw refuse('net/url: invalid control character in URL')
  if (text.startsWith(':')) throw refuse('missing protocol scheme')
  const [, scheme = '', authority, path = '', query = '', fragment = ''] = urlPattern.exec(text)!
  const at = authority?.lastIndexOf('@') ?? -1
  const host = authority?.slice(at + 1) ?? ''
  const isOpaque = scheme !== '' && authority === undefined && !path.startsWith('/')
  if (scheme === '' && authority === undefined && /^[^/]*:/.test(path)) {
    throw refuse('first path segment in URL cannot contain colon')
  }
  const port = /:([^\]]*)$/.exec(host)?.[1]
  if (port !== undefined && !/^\d*$/.test(port)) {
    throw refuse(`invalid port ${JSON.stringify(`:${port}`)} after host`)
  }
  const entries: readonly (readonly [string, string])[] = [
    ['scheme', scheme.toLowerCase()],
    ['host', host],
    ['hostname', host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1')],
    ['path', isOpaque ? '' : unescapePath(path, refuse)],
    ['query', query],
    ['opaque', isOpaque ? path : ''],
    ['fragment', unescapePath(fragment, refuse)],
    ['userinfo', at < 0 ? '' : authority!.slice(0, at)],
  ]
  return new GoMap(new Map(entries))
}

function unescapePath(text: string, refuse: (why: string) => Error): string {
  const bad = /%(?![\da-fA-F]{2})/.exec(text)
  if (bad) {
    throw refuse(`invalid URL escape ${JSON.stringify(text.slice(bad.index, bad.index + 3))}`)
  }
  try {
    return decodeURIComponent(text)
  } catch {
    // Escaped bytes that are no UTF-8 stay escaped.
    return text
  }
}

function joinUrl(parts: GoMap): string {
  const part = (name: string): string => {
    const value = parts.has(name) ? parts.get(name) : ''
    if (typeof value === 'string') return value
    throw new FunctionError(
      `unable to parse ${name} key, must be of type string, but ${kindOf(value)} found`,
    )
  }
  const scheme = part('scheme')
  const userinfo = part('userinfo')
  const prefix = scheme === '' ? '' : `${scheme}:`
  const query = part('query')
  const fragment = part('fragment')
  const tail = (query && `?${query}`) + (fragment && `#${escapePath(fragment)}`)
  if (part('opaque') !== '') return prefix + part('opaque') + tail
  const authority = (userinfo && `${userinfo}@`) + part('host')
  const path = escapePath(part('path'))
  const slash = authority !== '' && path !== '' && !path.startsWith('/') ? '/' : ''
  return prefix + (authority === '' ? '' : `//${authority}`) + slash + path + tail
}

function escapePath(text: string): string {
  return encodeURI(text.toWellFormed()).replace(/[?#]/g, char => encodeURIComponent(char))
}
