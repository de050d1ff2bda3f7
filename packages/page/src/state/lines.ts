// The lines of a query: the first screen, then page after page as somebody scrolls, older or newer.

import { type Signal, signal } from '@preact/signals'
import type { QueryAnswer, QueryStats, StreamsData } from '../api/answers.ts'
import { isAborted, type StoreClient } from '../api/store-client.ts'
import { exportRowsMax, firstRowsMax, pageRowsMax } from '../limits.ts'
import { compareNs, identityOf, type Row, rowsOf, rowsOfExport } from '../line/row.ts'
import type { NsRange } from './range.ts'

export type Order = 'newest' | 'oldest'

/** What to load. */
export interface LinesAsk extends NsRange {
  readonly query: string
  readonly order: Order
}

const encodingFlags = { 'X-Loki-Response-Encoding-Flags': 'categorize-labels' }

/** Reads one page of lines. */
export async function readLines(
  client: StoreClient,
  { query, startNs, endNs, order }: LinesAsk,
  {
    limit,
    signal: abort,
    explains = false,
  }: {
    readonly limit: number
    readonly signal?: AbortSignal | undefined
    readonly explains?: boolean
  },
): Promise<{ rows: Row[]; stats: QueryStats | undefined; warnings: readonly string[] }> {
  const { data, warnings = [] } = await client.json<QueryAnswer<StreamsData>>(
    'loki/api/v1/query_range',
    {
      ...{ query, limit, start: String(startNs), end: String(endNs) },
      direction: order === 'newest' ? 'backward' : 'forward',
      explain: explains ? 'true' : undefined,
    },
    { signal: abort, headers: encodingFlags },
  )
  return { rows: rowsOf(data.result, order), stats: data.stats, warnings }
}

/**
 * Reads page after page, each beginning with the time at which the one before ended. Lines that were read already are
 * left out. Many lines may have one time, so a page that brings nothing new is read again with twice the size. Where more
 * lines than a page can have share one time, the store's export tells the rest of them.
 */
export class LinePages {
  readonly #client: StoreClient
  readonly #ask: LinesAsk
  readonly #pageMost: number
  #edgeNs: string | undefined
  /** Identities of the rows at the edge. */
  #atEdge = new Map<string, number>()
  /** Whether the rest of the edge comes from the export. */
  #isInEdge = false
  #isComplete = false

  /** @param pageMost Most lines that the tenant may read at a time. */
  constructor(client: StoreClient, ask: LinesAsk, pageMost: number) {
    this.#client = client
    this.#ask = ask
    this.#pageMost = pageMost
  }

  get isComplete(): boolean {
    return this.#isComplete
  }

  /** Reads the next page. Returns its rows; none once all are read. */
  async next(
    wanted: number,
    options: { readonly signal?: AbortSignal | undefined; readonly explains?: boolean } = {},
  ): Promise<{ rows: Row[]; stats: QueryStats | undefined; warnings: readonly string[] }> {
    let limit = Math.min(wanted, this.#pageMost)
    for (;;) {
      if (this.#isInEdge) {
        const rows = await this.#moreOfEdge(limit, options.signal)
        if (rows.length > 0) return { rows, stats: undefined, warnings: [] }
      }
      const { rows, stats, warnings } = await readLines(this.#client, this.#rest(), {
        limit,
        ...options,
      })
      const fresh = this.#withoutKnown(rows)
      if (rows.length < limit) this.#isComplete = true
      if (fresh.length > 0 || this.#isComplete) {
        this.#moveEdge(rows)
        return { rows: fresh, stats, warnings }
      }
      if (limit < this.#pageMost) limit = Math.min(limit * 2, this.#pageMost)
      else this.#isInEdge = true
    }
  }

  #rest(): LinesAsk {
    if (this.#edgeNs === undefined) return this.#ask
    const edgeNs = BigInt(this.#edgeNs)
    return this.#ask.order === 'newest'
      ? { ...this.#ask, endNs: edgeNs + 1n }
      : { ...this.#ask, startNs: edgeNs }
  }

  /** Equal lines count as often as they were read: a page has all of a time or ends in it. */
  #withoutKnown(rows: readonly Row[]): Row[] {
    const left = new Map(this.#atEdge)
    return rows.filter(row => {
      if (row.ns !== this.#edgeNs) return true
      const identity = identityOf(row)
      const count = left.get(identity) ?? 0
      left.set(identity, count - 1)
      return count <= 0
    })
  }

  #moveEdge(rows: readonly Row[]): void {
    const last = rows.at(-1)
    if (!last) return
    const atEdge = new Map<string, number>()
    for (const row of rows) {
      if (row.ns !== last.ns) continue
      const identity = identityOf(row)
      atEdge.set(identity, (atEdge.get(identity) ?? 0) + 1)
    }
    this.#edgeNs = last.ns
    this.#atEdge = atEdge
  }

  /** Reads further rows at the edge. After the last, the edge moves on. */
  async #moreOfEdge(limit: number, abort: AbortSignal | undefined): Promise<Row[]> {
    const { query, order } = this.#ask
    const edgeNs = this.#edgeNs!
    const text = await this.#client.text(
      'skald/export',
      {
        ...{ query, start: edgeNs, end: String(BigInt(edgeNs) + 1n), limit },
        direction: order === 'newest' ? 'backward' : 'forward',
        skip: [...this.#atEdge.values()].reduce((sum, count) => sum + count, 0),
      },
      { signal: abort },
    )
    const rows = rowsOfExport(text, edgeNs)
    for (const row of rows) {
      const identity = identityOf(row)
      this.#atEdge.set(identity, (this.#atEdge.get(identity) ?? 0) + 1)
    }
    if (rows.length < limit) this.#skipEdge()
    return rows
  }

  #skipEdge(): void {
    this.#isInEdge = false
    const step = this.#ask.order === 'newest' ? -1n : 1n
    this.#edgeNs = String(BigInt(this.#edgeNs!) + step)
    this.#atEdge = new Map()
  }
}

export type LoadState = 'idle' | 'loading' | 'failed'

/** The lines on the screen. */
export class LoadedLines {
  /** Grows in place; `version` tells of it. */
  readonly rows: Row[] = []
  readonly version: Signal<number> = signal(0)
  readonly state: Signal<LoadState> = signal('idle')
  readonly error: Signal<unknown> = signal(undefined)
  readonly isComplete: Signal<boolean> = signal(false)
  readonly stats: Signal<QueryStats | undefined> = signal(undefined)
  readonly warnings: Signal<readonly string[]> = signal([])
  /** Whether there may be lines before the first one: only if a link led into the middle. */
  readonly hasBefore: Signal<boolean> = signal(false)
  readonly ask: LinesAsk
  readonly #pages: LinePages
  readonly #before: LinePages | undefined
  #isLoadingBefore = false
  readonly #abort = new AbortController()

  /** @param atNs Where a link leads to; `undefined` to begin at the begin. */
  constructor(
    client: StoreClient,
    ask: LinesAsk,
    { pageMost, atNs }: { pageMost: number; atNs?: bigint | undefined },
  ) {
    this.ask = ask
    this.#pages = new LinePages(client, fromLine(ask, atNs), pageMost)
    if (atNs === undefined) return
    this.#before = new LinePages(client, untilLine(ask, atNs), pageMost)
    this.hasBefore.value = true
  }

  /** Loads what follows. Does nothing while it loads already. */
  async more(): Promise<void> {
    if (this.state.value === 'loading' || this.isComplete.value) return
    this.state.value = 'loading'
    const isFirst = this.rows.length === 0
    try {
      const { rows, stats, warnings } = await this.#pages.next(
        isFirst ? firstRowsMax : pageRowsMax,
        {
          signal: this.#abort.signal,
          explains: isFirst,
        },
      )
      for (const row of rows) this.rows.push(row)
      if (isFirst) {
        this.stats.value = stats
        this.warnings.value = warnings
      }
      this.isComplete.value = this.#pages.isComplete
      this.#settle()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Loads what comes before the first line. Returns how many lines that were. */
  async before(): Promise<number> {
    if (!this.#before || this.#isLoadingBefore) return 0
    this.#isLoadingBefore = true
    try {
      const { rows } = await this.#before.next(pageRowsMax, { signal: this.#abort.signal })
      this.rows.unshift(...rows.reverse())
      this.hasBefore.value = !this.#before.isComplete
      this.version.value++
      return rows.length
    } catch (error) {
      this.#fail(error)
      return 0
    } finally {
      this.#isLoadingBefore = false
    }
  }

  /** Gives up what it loads. */
  stop(): void {
    this.#abort.abort()
  }

  #settle(): void {
    this.state.value = 'idle'
    this.error.value = undefined
    this.version.value++
  }

  #fail(error: unknown): void {
    if (isAborted(error)) return
    this.error.value = error
    this.state.value = 'failed'
  }
}

function fromLine(ask: LinesAsk, atNs: bigint | undefined): LinesAsk {
  if (atNs === undefined) return ask
  return ask.order === 'newest' ? { ...ask, endNs: atNs + 1n } : { ...ask, startNs: atNs }
}

function untilLine(ask: LinesAsk, atNs: bigint): LinesAsk {
  return ask.order === 'newest'
    ? { ...ask, startNs: atNs + 1n, order: 'oldest' }
    : { ...ask, endNs: atNs, order: 'newest' }
}

/** Reads all lines of a query, page after page. */
export async function* allLines(
  client: StoreClient,
  ask: LinesAsk,
  { pageMost, signal: abort }: { readonly pageMost: number; readonly signal: AbortSignal },
): AsyncGenerator<readonly Row[]> {
  const pages = new LinePages(client, ask, pageMost)
  while (!pages.isComplete) {
    const { rows } = await pages.next(exportRowsMax, { signal: abort })
    if (rows.length > 0) yield rows
  }
}

/** Reads the lines around a line: at most `count` before and after it, oldest first. */
export async function readAround(
  client: StoreClient,
  row: Row,
  { selector, count, signal: abort }: { selector: string; count: number; signal?: AbortSignal },
): Promise<{ readonly before: Row[]; readonly after: Row[] }> {
  const ns = BigInt(row.ns)
  const dayNs = 86_400_000_000_000n
  const own = identityOf(row)
  const [older, newer] = await Promise.all([
    readLines(
      client,
      { query: selector, startNs: ns - dayNs, endNs: ns + 1n, order: 'newest' },
      { limit: count + 1, signal: abort },
    ),
    readLines(
      client,
      { query: selector, startNs: ns, endNs: ns + dayNs, order: 'oldest' },
      { limit: count + 1, signal: abort },
    ),
  ])
  const isOther = (other: Row) => other.line !== row.line || identityOf(other) !== own
  const before = older.rows.filter(isOther).slice(0, count).reverse()
  const known = new Set(before.map(identityOf))
  const after = newer.rows
    .filter(other => isOther(other) && !known.has(identityOf(other)))
    .slice(0, count)
  return { before, after: after.sort((a, b) => compareNs(a.ns, b.ns)) }
}
