// What is unfolded in a list of lines, the context of lines, and what the keys do there.

import { type Signal, signal } from '@preact/signals'
import { contextRowsMax } from '../limits.ts'
import type { Row } from '../line/row.ts'
import { selectorOf, selectorText } from '../logql/logql-text.ts'
import type { App } from '../state/app.ts'
import { readAround } from '../state/lines.ts'

/** How wide the context is: the stream of the line, its pod, all streams of the query. */
export const contextWidths = ['stream', 'pod', 'all'] as const
export type ContextWidth = (typeof contextWidths)[number]

export interface Context {
  readonly width: ContextWidth
  /** Lines on each side. */
  readonly count: number
  readonly before: readonly Row[]
  readonly after: readonly Row[]
}

/** Labels that name what a line comes from, the narrowest first. */
const sourceLabels = [
  'pod',
  'pod_name',
  'instance',
  'container_name',
  'host',
  'hostname',
  'node_name',
]

/** The state of one list. */
export class ListState {
  /** Ids of the rows whose fields are shown. */
  readonly opened: Signal<ReadonlySet<number>> = signal(new Set())
  readonly contexts: Signal<ReadonlyMap<number, Context>> = signal(new Map())
  readonly rows: () => readonly Row[]
  /** Scrolls to the first row. The list on the screen sets it. */
  toTop: () => void = () => {}
  readonly #app: App
  readonly #measured = new Set<number>()

  constructor(app: App, rows: () => readonly Row[]) {
    this.#app = app
    this.rows = rows
  }

  /** Returns true for rows that have, or once had, more than their line. */
  isMeasured({ id }: Row, hasMore: boolean): boolean {
    if (hasMore) this.#measured.add(id)
    return this.#measured.has(id)
  }

  /** Shows or hides the fields of a row. */
  toggle(row: Row): void {
    const opened = new Set(this.opened.value)
    if (!opened.delete(row.id)) opened.add(row.id)
    this.opened.value = opened
  }

  /** Shows the lines around a row, more of them, or those of more streams. */
  async showContext(row: Row, width: ContextWidth = 'stream'): Promise<void> {
    const known = this.contexts.value.get(row.id)
    const count = known?.width === width ? known.count + contextRowsMax : contextRowsMax
    try {
      const selector = this.selectorFor(row, width)
      const around = await readAround(this.#app.client, row, { selector, count })
      this.contexts.value = new Map(this.contexts.value).set(row.id, { width, count, ...around })
    } catch (error) {
      this.#app.say(this.#app.explain(error))
    }
  }

  hideContext(row: Row): void {
    const contexts = new Map(this.contexts.value)
    contexts.delete(row.id)
    this.contexts.value = contexts
  }

  /** Returns the selector of a context. */
  selectorFor({ stream }: Row, width: ContextWidth): string {
    const query = this.#app.run.value?.query ?? ''
    if (width === 'all') return selectorOf(query) || selectorText(stream)
    if (width === 'stream') return selectorText(stream)
    const source = sourceLabels.find(name => stream[name] !== undefined)
    if (source === undefined) return selectorText(stream)
    const { namespace } = stream
    return selectorText({
      ...(namespace !== undefined && { namespace }),
      [source]: stream[source]!,
    })
  }
}
