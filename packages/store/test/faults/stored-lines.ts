// The lines that a test pushed, and what must be true about the ones that a store has: every
// acknowledged line is there once, no other line is, and lines of one time keep their order.

import type { StoreLife } from './store-life.ts'

/** How sure it is that a store has a line. */
export type LineState =
  /** Pushed without an answer, so it may be there. */
  | 'sent'
  | 'acknowledged'
  /** Removed by a delete request without an answer, or past its retention: it may be there. */
  | 'going'
  /** Removed by a delete request that was answered: it is hidden, and gone once processed. */
  | 'deleted'

export interface PushedLine {
  readonly stream: string
  readonly timeNs: bigint
  readonly text: string
  readonly batch: number
  state: LineState
}

/** A row of a store in the order in which queries return rows of one time. */
export interface FoundRow {
  readonly labels: string
  readonly timeNs: bigint
  readonly line: string
  /** Of the block, and the row in it. */
  readonly sequence: number
  readonly row: number
}

/** All lines of a test. A line's number is its index. */
export class StoredLines {
  readonly lines: PushedLine[] = []

  /** Adds a line and returns its text, which begins with its number. */
  add(line: Omit<PushedLine, 'text' | 'state'> & { readonly filling: string }): PushedLine {
    const { filling, ...rest } = line
    const text = `${this.lines.length} b${line.batch} ${filling}`
    const pushed: PushedLine = { ...rest, text, state: 'sent' }
    this.lines.push(pushed)
    return pushed
  }

  count(state: LineState): number {
    return this.lines.filter(line => line.state === state).length
  }

  /** Returns what is wrong with the rows. `isProcessed` says that deleted lines must be gone. */
  check(rows: readonly FoundRow[], { isProcessed }: { readonly isProcessed: boolean }): string[] {
    const problems: string[] = []
    const counts = new Uint32Array(this.lines.length)
    for (const { labels, timeNs, line } of rows) {
      const number = Number(/^\d+/.exec(line)?.[0] ?? -1)
      const pushed = this.lines[number]
      const isSame = pushed?.text === line && pushed.timeNs === timeNs && labels === pushed.stream
      if (isSame) counts[number]!++
      else problems.push(`never sent: ${labels} ${timeNs} ${line.slice(0, 60)}`)
    }
    for (const [number, { state }] of this.lines.entries()) {
      const count = counts[number]!
      if (count > 1) problems.push(`line ${number} (${state}) is there ${count} times`)
      if (count === 0 && state === 'acknowledged') problems.push(`line ${number} is lost`)
      if (count > 0 && state === 'deleted' && isProcessed)
        problems.push(`line ${number} was deleted and is there`)
    }
    return [...problems, ...orderProblems(rows)]
  }
}

function orderProblems(rows: readonly FoundRow[]): string[] {
  const last = new Map<string, number>()
  const problems: string[] = []
  const inOrder = rows.toSorted((a, b) => a.sequence - b.sequence || a.row - b.row)
  for (const { labels, timeNs, line } of inOrder) {
    const key = `${labels} ${timeNs}`
    const number = Number.parseInt(line, 10)
    const before = last.get(key) ?? -1
    if (number < before) problems.push(`line ${number} of ${key} comes after line ${before}`)
    last.set(key, number)
  }
  return problems
}

/** Compares what two recoveries left. */
export async function describeStorage({ catalog }: StoreLife, names: readonly string[]) {
  return JSON.stringify({
    names,
    segments: await catalog.listSegments(),
    level0: await catalog.listParts('level0'),
    compacted: await catalog.listParts('compacted'),
    dropped: await catalog.listDropped(),
    lost: await catalog.listLost(),
    tenants: await catalog.tenants(),
  })
}
