// Rows: the lines of an answer, in the order of their times.

import type { Labels, LineValue, StreamsData } from '../api/answers.ts'
import { type Level, levelOf } from './level.ts'

/** One line with everything the store said about it. */
export interface Row {
  /** Unique in this tab. */
  readonly id: number
  /** Nanoseconds since 1970. All times of today have 19 digits, so texts compare like numbers. */
  readonly ns: string
  readonly line: string
  readonly stream: Labels
  readonly metadata: Labels
  /** What stages of the query found. */
  readonly parsed: Labels
  readonly level: Level
}

const none: Labels = Object.freeze({})
let nextId = 1

/** A line of an export of the store, in JSON. */
interface ExportedLine {
  readonly labels: Labels
  readonly metadata?: Labels
  readonly parsed?: Labels
  readonly line: string
}

/** Makes rows of exported lines that all have one time, in the order of the export. */
export function rowsOfExport(text: string, ns: string): Row[] {
  const lines = text.split('\n').slice(0, -1)
  return lines.map(json => {
    const { labels, metadata, parsed, line } = JSON.parse(json) as ExportedLine
    const more = { structuredMetadata: metadata ?? none, parsed: parsed ?? none }
    return rowOf(labels, [ns, line, more], given => given ?? none)
  })
}

/** Makes rows of an answer, newest first or oldest first. Equal label sets share an object. */
export function rowsOf(streams: StreamsData['result'], order: 'newest' | 'oldest'): Row[] {
  const shared = new Map<string, Labels>()
  const share = (labels: Labels | undefined): Labels => {
    if (labels === undefined) return none
    const key = JSON.stringify(labels)
    const known = shared.get(key)
    if (known) return known
    // Ids of requests would fill the map and are never equal.
    if (shared.size < 1000) shared.set(key, labels)
    return labels
  }
  const rows: Row[] = []
  for (const { stream, values } of streams) {
    for (const value of values) rows.push(rowOf(stream, value, share))
  }
  const sign = order === 'newest' ? -1 : 1
  return rows.sort((a, b) => (a.ns === b.ns ? 0 : sign * compareNs(a.ns, b.ns)))
}

function rowOf(
  stream: Labels,
  [ns, line, more]: LineValue,
  share: (labels: Labels | undefined) => Labels,
): Row {
  const metadata = share(more?.structuredMetadata)
  const parsed = share(more?.parsed)
  const told = metadata.detected_level ?? parsed.level ?? stream.detected_level ?? stream.level
  return { id: nextId++, ns, line, stream, metadata, parsed, level: levelOf(told) }
}

/** Compares two times. */
export function compareNs(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}

/** Returns what makes a line itself: two rows with the same identity are one line. */
export function identityOf({ ns, line, stream }: Pick<Row, 'ns' | 'line' | 'stream'>): string {
  return `${ns} ${hashOf(`${JSON.stringify(Object.entries(stream).sort())}\n${line}`)}`
}

/** A short hash (FNV-1a) to tell lines with equal times apart in links. */
export function hashOf(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  return (hash >>> 0).toString(36)
}
