// Reads lines from a server with Loki's HTTP API.

import { formatRfc3339 } from '@skald/go-dialect'
import {
  ascending,
  createLabelSet,
  createMetadata,
  type Label,
  type LabelSet,
  type Stream,
} from '@skald/wire'
import { ImportError } from '../errors.ts'
import { readAnswerBytesMax } from '../limits.ts'
import type { Server } from '../server-address.ts'
import { type RequestOptions, sendRequest } from './requests.ts'
import { coverStreams } from './selectors.ts'

/** From `startNs` on, up to but without `endNs`. */
export interface Window {
  readonly startNs: bigint
  readonly endNs: bigint
}

/** How to read a source. */
export interface SourceOptions {
  /** Most entries per page. The source's max_entries_limit_per_query limits it. */
  readonly pageEntries: number
  readonly onRetry: RequestOptions['onRetry']
}

/** Entries of one answer that no earlier page had. */
export interface Page {
  readonly streams: readonly Stream[]
  /** Rows skipped because another row has the same stream, time, line and structured metadata. */
  readonly repeatCount: number
}

interface FoundRow {
  readonly streamKey: string
  readonly labels: LabelSet
  readonly timestampNs: bigint
  readonly line: string
  readonly structuredMetadata: readonly Label[]
}

type Value = readonly [
  ns: string,
  line: string,
  categories?: { readonly structuredMetadata?: Readonly<Record<string, string>> },
]

/** Returns selectors that together select every stream with entries in the window, each stream once. */
export async function readSelectors(
  server: Server,
  window: Window,
  options: SourceOptions,
): Promise<string[]> {
  const params = new URLSearchParams({
    match: '{}',
    start: String(window.startNs),
    end: String(window.endNs),
  })
  const path = `/loki/api/v1/series?${params}`
  const answer = await ask<{ data?: Record<string, string>[] }>(server, path, options)
  if (!answer) {
    throw new ImportError(
      `The streams of one window are more than ${readAnswerBytesMax} bytes: choose a shorter --window, or --query`,
    )
  }
  return coverStreams(answer.data ?? [])
}

/**
 * Reads the entries of a window in pages, in time order. A page begins at the time of the last entry of the
 * page before, and skips the entries that were already there. So neither equal times nor page ends hide an
 * entry.
 *
 * @throws ImportError if more entries have the same time than fit into a page.
 */
export async function* readPages(
  server: Server,
  selector: string,
  window: Window,
  options: SourceOptions,
): AsyncGenerator<Page> {
  let { startNs } = window
  let limit = options.pageEntries
  let seen = new Map<string, number>()
  for (;;) {
    const params = {
      query: selector,
      start: String(startNs),
      end: String(window.endNs),
      limit: String(limit),
      direction: 'forward',
    }
    const rows = await readRows(server, params, options)
    if (!rows) {
      if (limit === 1) throw tooManyBytes(startNs)
      limit = Math.ceil(limit / 2)
      continue
    }
    const left = new Map(seen)
    const fresh = rows.filter(row => !takeOne(left, rowKey(row)))
    const first = firstOfEach(fresh, new Set(seen.keys()))
    if (fresh.length > 0) {
      yield { streams: toStreams(first), repeatCount: fresh.length - first.length }
    }
    const last = rows.at(-1)
    if (!last || rows.length < limit) return
    if (last.timestampNs === startNs && fresh.length === 0) throw tooManyAtOnce(startNs, limit)
    startNs = last.timestampNs
    seen = countKeys(rows.filter(row => row.timestampNs === startNs))
  }
}

/** Returns the entries of a page, oldest first, or undefined if the answer is too long. */
async function readRows(
  server: Server,
  params: Readonly<Record<string, string>>,
  options: SourceOptions,
): Promise<FoundRow[] | undefined> {
  const path = `/loki/api/v1/query_range?${new URLSearchParams(params)}`
  const answer = await ask<{
    data: { result: { stream: Record<string, string>; values: Value[] }[] }
  }>(server, path, options)
  if (!answer) return undefined
  const rows: FoundRow[] = []
  for (const { stream, values } of answer.data.result) {
    const labels = createLabelSet(stream)
    const streamKey = JSON.stringify(labels)
    for (const [ns, line, categories] of values) {
      const structuredMetadata = createMetadata(
        Object.entries(categories?.structuredMetadata ?? {}),
      )
      rows.push({ streamKey, labels, timestampNs: BigInt(ns), line, structuredMetadata })
    }
  }
  return rows.sort((a, b) => ascending(a.timestampNs, b.timestampNs))
}

/** Returns the parsed answer, or undefined if it is longer than `readAnswerBytesMax`. */
async function ask<Body>(
  server: Server,
  path: string,
  { onRetry }: SourceOptions,
): Promise<Body | undefined> {
  const { status, text, isCut } = await sendRequest(server, path, {
    method: 'GET',
    // Newer servers return structured metadata separately from labels; older ones have none.
    headers: { 'X-Loki-Response-Encoding-Flags': 'categorize-labels' },
    bytesMax: readAnswerBytesMax,
    onRetry,
  })
  if (isCut) return undefined
  if (status !== 200) {
    let hint = /max.?entries.?limit/i.test(text) ? '; choose a smaller --page' : ''
    if (status === 401) hint = '; --from-tenant names a tenant, the URL a user'
    throw new ImportError(`${server.url} answered ${status}: ${text.trim().slice(0, 500)}${hint}`)
  }
  return JSON.parse(text) as Body
}

function rowKey({ streamKey, timestampNs, line, structuredMetadata }: FoundRow): string {
  return `${timestampNs} ${streamKey} ${JSON.stringify(structuredMetadata)} ${line}`
}

function countKeys(rows: readonly FoundRow[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const row of rows) counts.set(rowKey(row), (counts.get(rowKey(row)) ?? 0) + 1)
  return counts
}

/** Decrements the count of a key. Returns false if it is zero. */
function takeOne(counts: Map<string, number>, key: string): boolean {
  const count = counts.get(key) ?? 0
  if (count === 0) return false
  counts.set(key, count - 1)
  return true
}

/** Returns the rows whose key is neither known nor the key of an earlier row. */
function firstOfEach(rows: readonly FoundRow[], known: Set<string>): FoundRow[] {
  return rows.filter(row => {
    const key = rowKey(row)
    if (known.has(key)) return false
    known.add(key)
    return true
  })
}

function toStreams(rows: readonly FoundRow[]): Stream[] {
  const byStream = new Map<string, { labels: LabelSet; entries: FoundRow[] }>()
  for (const row of rows) {
    const stream = byStream.get(row.streamKey)
    if (stream) stream.entries.push(row)
    else byStream.set(row.streamKey, { labels: row.labels, entries: [row] })
  }
  return [...byStream.values()]
}

function tooManyAtOnce(timestampNs: bigint, limit: number): ImportError {
  return new ImportError(
    `More than ${limit} entries have the time ${formatRfc3339(timestampNs)}: raise limits_config.max_entries_limit_per_query of the source, and --page with it, or narrow --query`,
  )
}

function tooManyBytes(timestampNs: bigint): ImportError {
  return new ImportError(
    `An entry after ${formatRfc3339(timestampNs)} is longer than ${readAnswerBytesMax} bytes: leave it out with --query`,
  )
}
