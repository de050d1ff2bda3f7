// Reads all lines of a log query, page by page, in the order of their times. Each page is a query, so its memory does not
// grow with the range.

import { maxBigint, minBigint } from '@skald/go-dialect'
import type { Direction } from '../blocks/block-view.ts'
import { LogqlKindError } from '../errors.ts'
import { type QueryLimits, walkGrowth, walkPageEntries, walkSliceNs } from '../limits.ts'
import { parseLogql } from '../syntax/parser.ts'
import type { QueryRequest } from './query-run.ts'

/** What to read. */
export interface LogWalk {
  readonly logql: string
  /** Inclusive. */
  readonly startNs: bigint
  /** Exclusive. */
  readonly endNs: bigint
  readonly direction: Direction
  /**
   * Lines to leave out of the first nanosecond: of `startNs`, or of the last one before `endNs` if the direction is
   * backward. This is how a reader that was cut off continues.
   */
  readonly skip: number
  readonly limits: QueryLimits
  /** Entries of a page, 10,000 if left out. */
  readonly pageEntries?: number
}

/** What a walk must know of an entry. */
interface TimedEntry {
  readonly timestampNs: bigint
}

/** What a walk needs from its surroundings. */
export interface WalkServices<E extends TimedEntry> {
  /** Runs one page's query. Its entries come in the direction of the query. */
  readonly run: (
    request: QueryRequest,
  ) => Promise<{ readonly entries: readonly E[]; readonly warnings: readonly string[] }>
  /** Returns true for an error after which a smaller page may succeed. */
  readonly isTooLarge: (error: unknown) => boolean
  /** Called with each warning of a page. The same one may come again. */
  readonly onWarning: (warning: string) => void
}

/**
 * Yields the entries of a log query in its direction. No array is empty. Entries of one nanosecond are in the same array.
 *
 * @throws LogqlSyntaxError; LogqlKindError if it is a metric query; the errors of `run`.
 */
export async function* walkLogs<E extends TimedEntry>(
  walk: LogWalk,
  services: WalkServices<E>,
): AsyncGenerator<readonly E[]> {
  if (parseLogql(walk.logql).kind !== 'log') {
    throw new LogqlKindError('only log queries have lines to export, and this is a metric query')
  }
  let isFirst = true
  for await (const entries of new Walker(walk, services).pages()) {
    const rest = isFirst ? afterSkipped(entries, walk) : entries
    isFirst = false
    if (rest.length > 0) yield rest
  }
}

function afterSkipped<E extends TimedEntry>(entries: readonly E[], walk: LogWalk): readonly E[] {
  const firstNs = walk.direction === 'forward' ? walk.startNs : walk.endNs - 1n
  const inFirst = entries.findIndex(({ timestampNs }) => timestampNs !== firstNs)
  return entries.slice(Math.min(walk.skip, inFirst < 0 ? entries.length : inFirst))
}

interface Slice {
  readonly startNs: bigint
  readonly endNs: bigint
}

class Walker<E extends TimedEntry> {
  readonly #walk: LogWalk
  readonly #services: WalkServices<E>
  readonly #isForward: boolean
  /** Entries of a page; fewer once a page was too large. */
  #limit: number

  constructor(walk: LogWalk, services: WalkServices<E>) {
    this.#walk = walk
    this.#limit = walk.pageEntries ?? walkPageEntries
    this.#services = services
    this.#isForward = walk.direction === 'forward'
  }

  async *pages(): AsyncGenerator<readonly E[]> {
    let { startNs, endNs } = this.#walk
    while (startNs < endNs) {
      const slice = this.#sliceOf({ startNs, endNs })
      const { entries, limit } = await this.#readPage(slice)
      if (entries.length < limit) {
        if (entries.length > 0) yield entries
        if (this.#isForward) startNs = slice.endNs
        else endNs = slice.startNs
        continue
      }
      // There may be more entries at the last time.
      const lastNs = entries.at(-1)!.timestampNs
      const whole = entries.slice(0, firstAt(entries, lastNs))
      if (whole.length > 0) {
        yield whole
        if (this.#isForward) startNs = lastNs
        else endNs = lastNs + 1n
      } else {
        yield await this.#readNanosecond(lastNs, limit)
        if (this.#isForward) startNs = lastNs + 1n
        else endNs = lastNs
      }
    }
  }

  /** Returns the part of the rest that the next page may cover. */
  #sliceOf({ startNs, endNs }: Slice): Slice {
    const { maxQueryLengthNs } = this.#walk.limits
    const most = maxQueryLengthNs > 0n ? minBigint(maxQueryLengthNs, walkSliceNs) : walkSliceNs
    return this.#isForward
      ? { startNs, endNs: minBigint(endNs, startNs + most) }
      : { startNs: maxBigint(startNs, endNs - most), endNs }
  }

  async #readPage(slice: Slice) {
    for (;;) {
      const limit = this.#limit
      try {
        return { entries: await this.#read(slice, limit), limit }
      } catch (error) {
        if (limit === 1 || !this.#services.isTooLarge(error)) throw error
        this.#limit = Math.ceil(limit / walkGrowth)
      }
    }
  }

  /** Reads all entries of one time, of which there are at least `limit`. */
  async #readNanosecond(timeNs: bigint, limit: number): Promise<readonly E[]> {
    for (let asked = limit * walkGrowth; ; asked *= walkGrowth) {
      const entries = await this.#read({ startNs: timeNs, endNs: timeNs + 1n }, asked)
      if (entries.length < asked) return entries
    }
  }

  async #read(slice: Slice, limit: number): Promise<readonly E[]> {
    const { logql, direction, limits } = this.#walk
    const { entries, warnings } = await this.#services.run({
      ...{ logql, ...slice, limit, direction, stepNs: 0n, intervalNs: 0n, isInstant: false },
      // The limit protects against large answers. A walk's answers are pages.
      limits: { ...limits, maxEntriesLimitPerQuery: 0 },
    })
    for (const warning of warnings) this.#services.onWarning(warning)
    return entries
  }
}

/** Returns the index of the first of the last entries, which have this time. */
function firstAt(entries: readonly TimedEntry[], timeNs: bigint): number {
  let first = entries.length
  while (first > 0 && entries[first - 1]!.timestampNs === timeNs) first--
  return first
}
