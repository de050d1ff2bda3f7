// Syslog messages in the formats of RFC 5424 and RFC 3164. The parser is lenient about missing and sloppy
// parts, but a text without `<priority>` is not a message.

import { civilTime, civilToNs, parseRfc3339 } from '@skald/go-dialect'

/** A message. Missing parts are absent. */
export interface SyslogMessage {
  readonly severity: string
  readonly facility: string
  readonly timestampNs: bigint | undefined
  readonly hostname: string | undefined
  readonly appName: string | undefined
  readonly procId: string | undefined
  readonly msgId: string | undefined
  /** Structured data in its original order: `[id, name, value]`. */
  readonly structuredData: readonly (readonly [string, string, string])[]
  readonly text: string
}

export type SyslogFormat = 'rfc5424' | 'rfc3164'

// Words from RFC 5424, section 6.2.1, as in Promtail's labels.
const severities = [
  ...['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'informational', 'debug'],
] as const
const facilities = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron'],
  ...['authpriv', 'ftp', 'ntp', 'security', 'console', 'solaris-cron'],
  ...['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
] as const

const byteOrderMark = '\ufeff'

/**
 * Reads a message in the expected format, or else in the other one. Returns `undefined` if it is in
 * neither.
 */
export function parseSyslog(
  text: string,
  options: { readonly format: SyslogFormat; readonly nowNs: bigint; readonly timeZone: string },
): SyslogMessage | undefined {
  const priority = /^<(\d{1,3})>/.exec(text)
  const value = Number(priority?.[1])
  if (!priority || value > 191) return undefined
  const base = { severity: severities[value & 7]!, facility: facilities[value >> 3]! }
  const rest = text.slice(priority[0].length)
  const modern = parseModern(rest)
  if (modern) return { ...base, ...modern }
  return { ...base, ...parseOld(rest, options) }
}

type Rest = Omit<SyslogMessage, 'severity' | 'facility'>

const modernHead = /^(\d{1,2}) (\S+) (\S+) (\S+) (\S+) (\S+) ?/

/** RFC 5424: `1 time host app proc msgid [structured data] text`, with `-` for missing parts. */
function parseModern(rest: string): Rest | undefined {
  const head = modernHead.exec(rest)
  if (!head) return undefined
  const [all, , time, hostname, appName, procId, msgId] = head as unknown as string[]
  const timestampNs = time === '-' ? undefined : parseRfc3339(time!)
  if (time !== '-' && timestampNs === undefined) return undefined
  const data = parseStructuredData(rest, all!.length)
  if (!data) return undefined
  let body = rest.slice(data.end)
  if (body.startsWith(' ')) body = body.slice(1)
  return {
    timestampNs,
    ...{ hostname: given(hostname), appName: given(appName) },
    ...{ procId: given(procId), msgId: given(msgId) },
    structuredData: data.pairs,
    text: body.startsWith(byteOrderMark) ? body.slice(1) : body,
  }
}

function given(value: string | undefined): string | undefined {
  return value === '-' ? undefined : value
}

/** Reads `-` or `[id name="value" ...]...` from `start` on. */
function parseStructuredData(
  text: string,
  start: number,
): { readonly pairs: [string, string, string][]; readonly end: number } | undefined {
  const pairs: [string, string, string][] = []
  if (text[start] === '-' || start >= text.length)
    return { pairs, end: Math.min(start + 1, text.length) }
  let at = start
  while (text[at] === '[') {
    const id = /[^ =\]"]+/y
    id.lastIndex = at + 1
    const found = id.exec(text)
    if (!found) return undefined
    at = id.lastIndex
    const pair = / +([^ =\]"]+)="((?:[^"\\\]]|\\[\s\S])*)"/y
    for (;;) {
      pair.lastIndex = at
      const next = pair.exec(text)
      if (!next) break
      pairs.push([found[0], next[1]!, next[2]!.replace(/\\(["\\\]])/g, '$1')])
      at = pair.lastIndex
    }
    while (text[at] === ' ') at++
    if (text[at] !== ']') return undefined
    at++
  }
  return at > start ? { pairs, end: at } : undefined
}

const months = 'JanFebMarAprMayJunJulAugSepOctNovDec'
const oldTime = /^([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))? /

/** RFC 3164: `Mmm dd hh:mm:ss host tag[pid]: text`. Senders also write RFC 3339 times, or omit the host. */
function parseOld(
  rest: string,
  options: { readonly nowNs: bigint; readonly timeZone: string },
): Rest {
  const { timestampNs, end } = parseOldTime(rest, options)
  let at = end
  let hostname: string | undefined
  const host = /([^\s:[\]]+) /y
  host.lastIndex = at
  const hostFound = timestampNs === undefined ? null : host.exec(rest)
  if (hostFound) {
    hostname = hostFound[1]
    at = host.lastIndex
  }
  const tag = /([^\s:[\]]{1,255})(?:\[([^\]\s]*)\])?: ?/y
  tag.lastIndex = at
  const tagFound = tag.exec(rest)
  if (tagFound) at = tag.lastIndex
  return {
    ...{ timestampNs, hostname, appName: tagFound?.[1], procId: tagFound?.[2] || undefined },
    ...{ msgId: undefined, structuredData: [], text: rest.slice(at) },
  }
}

function parseOldTime(
  rest: string,
  { nowNs, timeZone }: { readonly nowNs: bigint; readonly timeZone: string },
): { readonly timestampNs: bigint | undefined; readonly end: number } {
  const iso = /^(\d{4}-\d\d-\d\dT\S+) /.exec(rest)
  const isoNs = iso ? parseRfc3339(iso[1]!) : undefined
  if (iso && isoNs !== undefined) return { timestampNs: isoNs, end: iso[0].length }
  const found = oldTime.exec(rest)
  const month = found ? months.indexOf(found[1]!) / 3 + 1 : 0
  if (!found || !Number.isInteger(month) || month < 1) return { timestampNs: undefined, end: 0 }
  const [day, hour, minute, second] = found.slice(2, 6).map(Number) as [
    ...[number, number, number, number],
  ]
  const nanosecond = Number((found[6] ?? '').padEnd(9, '0'))
  const now = civilTime(nowNs, timeZone)
  // The year is missing: December read in January is last year's, January read in December is next year's.
  const year = now.year + (month - now.month > 6 ? -1 : now.month - month > 6 ? 1 : 0)
  const parts = { year, month, day, hour, minute, second, nanosecond }
  return { timestampNs: civilToNs(parts, timeZone), end: found[0].length }
}
