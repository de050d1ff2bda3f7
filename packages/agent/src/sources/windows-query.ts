// What to read from Windows' event log: splits Promtail's keys into one query per channel. That way an
// unreadable channel does not block the others, and each has its own position.

import { eventChannelsMax } from '../limits.ts'
import { walkXml, type XmlElement } from './xml.ts'

/** A query on one channel. */
export interface ChannelQuery {
  readonly channel: string
  /** XPath of the events, if `list` is absent. */
  readonly xpath: string
  /** A query list for this channel only. */
  readonly list: string | undefined
}

/**
 * Makes the queries of a job.
 *
 * @throws Error if there is no channel to read, or the query list cannot be understood.
 */
export function channelQueries(eventlogName: string, xpathQuery: string): ChannelQuery[] {
  const query = xpathQuery.trim()
  if (query.startsWith('<')) return splitList(query)
  if (eventlogName === '') {
    throw new Error(
      'needs eventlog_name such as Application, or an xpath_query that is a QueryList',
    )
  }
  return [{ channel: eventlogName, xpath: query || '*', list: undefined }]
}

interface Rule {
  readonly kind: 'Select' | 'Suppress'
  readonly channel: string | undefined
  readonly xpath: string
}

/** Splits a list by channel. Each channel gets the rules that name it, in the same queries. */
function splitList(text: string): ChannelQuery[] {
  const queries: (readonly Rule[])[] = []
  let rules: Rule[] = []
  const flaw = walkXml(text, ({ path: [root, query, kind], attributes, text: xpath }) => {
    if (root !== 'QueryList' || query !== 'Query') return
    if (kind === 'Select' || kind === 'Suppress') {
      rules.push({ kind, channel: attributes.Path, xpath: xpath.trim() })
    } else if (kind === undefined) {
      queries.push(rules.map(rule => ({ ...rule, channel: rule.channel ?? attributes.Path })))
      rules = []
    }
  })
  if (flaw) throw new Error(`has an xpath_query that is not XML: ${flaw}`)
  const all = queries.flat()
  if (all.some(({ channel }) => !channel)) {
    throw new Error('has an xpath_query with a Select or Suppress without a Path')
  }
  const file = all.find(({ channel }) => channel?.startsWith('file:'))
  if (file) throw new Error(`has an xpath_query of a file, ${file.channel}: only channels grow`)
  const selected = all.filter(({ kind }) => kind === 'Select').map(({ channel }) => channel!)
  const channels = selected.filter(
    (channel, i) => selected.findIndex(other => isSameChannel(other, channel)) === i,
  )
  if (channels.length === 0) throw new Error('has an xpath_query without a Select')
  if (channels.length > eventChannelsMax) {
    throw new Error(
      `has an xpath_query of ${channels.length} channels, at most ${eventChannelsMax}`,
    )
  }
  return channels.map(channel => ({ channel, xpath: '', list: listText(channel, queries) }))
}

function listText(channel: string, queries: readonly (readonly Rule[])[]): string {
  const path = escapeXml(channel)
  const parts = queries.flatMap((rules, id) => {
    const own = rules.filter(rule => isSameChannel(rule.channel ?? '', channel))
    if (!own.some(({ kind }) => kind === 'Select')) return []
    const texts = own.map(
      ({ kind, xpath }) => `<${kind} Path="${path}">${escapeXml(xpath)}</${kind}>`,
    )
    return [`<Query Id="${id}" Path="${path}">${texts.join('')}</Query>`]
  })
  return `<QueryList>${parts.join('')}</QueryList>`
}

/**
 * Reads a bookmark in the format of Windows and Promtail: channel → number of the last record read.
 *
 * @throws Error if the text is not XML.
 */
export function parseBookmark(text: string): Map<string, number> {
  const places = new Map<string, number>()
  if (text.trim() === '') return places
  const readBookmark = ({ path, attributes: { Channel, RecordId } }: XmlElement) => {
    const recordId = Number(RecordId)
    if (path.at(-1) !== 'Bookmark' || !Channel || !Number.isSafeInteger(recordId)) return
    places.set(Channel, recordId)
  }
  const flaw = walkXml(text, readBookmark)
  if (flaw) throw new Error(flaw)
  return places
}

/** Returns true if two names mean the same channel. Windows ignores their case. */
export function isSameChannel(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

/** Returns a channel's position in a bookmark. */
export function placeOf(places: ReadonlyMap<string, number>, channel: string): number | undefined {
  return [...places].find(([name]) => isSameChannel(name, channel))?.[1]
}

/** Writes a bookmark. The last channel is the current one. */
export function formatBookmark(places: ReadonlyMap<string, number>): string {
  const current = [...places.keys()].at(-1)
  const marks = [...places].map(([channel, recordId]) => {
    const isCurrent = channel === current ? " IsCurrent='true'" : ''
    return `<Bookmark Channel='${escapeXml(channel)}' RecordId='${recordId}'${isCurrent}/>`
  })
  return `<BookmarkList>${marks.join('')}</BookmarkList>`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, char => entities[char]!)
}
