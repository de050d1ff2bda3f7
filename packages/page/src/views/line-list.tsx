// The list of lines. Only what is on the screen is drawn, so that it scrolls smoothly however many lines there are.

import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
} from '@tanstack/virtual-core'
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef } from 'preact/hooks'
import { formatNs } from '../line/time-text.ts'
import { useApp } from '../parts/app-context.ts'
import { ColumnHeads } from './column-heads.tsx'
import { useList } from './keys.ts'
import { LineItem } from './line-item.tsx'
import type { ListState } from './list-state.ts'

export interface LineListProps {
  readonly state: ListState
  /** Changes whenever the rows do. */
  readonly version: number
  readonly label: string
  readonly marks: RegExp | undefined
  /** Called when the last rows come into view. */
  readonly onEnd?: () => void
  readonly onScroll?: (isAtTop: boolean) => void
  /** Shown below the last row. */
  readonly end: string
}

/** Height of a row without line breaks; the style sheet has the same. */
const rowPixels = 22
/** How many rows before the end the next page is loaded, or half of the rows, if they are fewer. */
const rowsAhead = 150

/** The list. */
export function LineList(props: LineListProps) {
  const { state, label, marks, onEnd, onScroll, end } = props
  const app = useApp()
  const { cursor, settings, address } = app
  const rows = state.rows()
  const scroller = useRef<HTMLElement>(null)
  const virtual = useVirtual(scroller, rows.length, index => rows[index]?.id ?? index)
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? -1
  useEffect(() => {
    if (onEnd && rows.length > 0 && last >= rows.length - Math.min(rowsAhead, rows.length / 2))
      onEnd()
  }, [last, rows.length])
  const isWrapped = settings.isWrapped.value
  useLayoutEffect(() => virtual.measure(), [isWrapped])
  useGoToLine(state, virtual)
  state.toTop = () => virtual.scrollToIndex(0)
  useEffect(() => useList(listActions(app, state, virtual)), [state])
  const { columns } = address.value
  return (
    <>
      <ColumnHeads columns={columns} />
      <section
        ref={scroller}
        class={isWrapped ? 'lines wrapped' : 'lines'}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: without it, who has only keys cannot scroll
        tabIndex={0}
        aria-label={label}
        onScroll={event => onScroll?.(event.currentTarget.scrollTop < rowPixels)}
      >
        <div class="lines-all" style={{ height: `${virtual.getTotalSize()}px` }}>
          <ul class="lines-shown" style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}>
            {items.map(item => {
              const row = rows[item.index]
              return row ? (
                <LineItem
                  key={row.id}
                  row={row}
                  index={item.index}
                  state={state}
                  marks={marks}
                  isCursor={cursor.value === item.index}
                  measure={virtual.measureElement}
                />
              ) : null
            })}
          </ul>
        </div>
        {end !== '' && <p class="lines-end">{end}</p>}
      </section>
    </>
  )
}

type Virtual = Virtualizer<HTMLElement, Element>

function useVirtual(
  scroller: { readonly current: HTMLElement | null },
  count: number,
  keyOfRow: (index: number) => number,
): Virtual {
  const [, draw] = useReducer((n: number) => n + 1, 0)
  const options = {
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPixels,
    getItemKey: keyOfRow,
    overscan: 12,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => draw(undefined as never),
  }
  const virtual = useMemo(() => new Virtualizer<HTMLElement, Element>(options), [])
  virtual.setOptions(options)
  useLayoutEffect(() => virtual._didMount(), [])
  useLayoutEffect(() => virtual._willUpdate())
  return virtual
}

/** Unfolds the line that a link leads to. */
function useGoToLine(state: ListState, virtual: Virtual): void {
  const app = useApp()
  const { line } = app.address.value
  const rows = state.rows()
  const isDone = useRef(false)
  useEffect(() => {
    if (line === '' || isDone.current || rows.length === 0) return
    isDone.current = true
    const ns = line.split('.')[0]!
    const found = rows.findIndex(row => app.linkTo(row).includes(`line=${line}`))
    const index = found >= 0 ? found : rows.findIndex(row => row.ns === ns)
    if (index < 0) {
      app.say(`${app.texts.value.lineIsGone} ${formatNs(ns, app.settings.zone.value)}`)
      return
    }
    app.cursor.value = index
    state.toggle(rows[index]!)
    virtual.scrollToIndex(index, { align: 'center' })
  }, [line, rows.length])
}

function listActions(app: App, state: ListState, virtual: Virtual) {
  const { cursor } = app
  const current = () => state.rows()[cursor.value]
  const withRow = (action: (row: NonNullable<ReturnType<typeof current>>) => void) => () => {
    const row = current()
    if (row) action(row)
  }
  return {
    move(by: 1 | -1) {
      const count = state.rows().length
      if (count === 0) return
      cursor.value = Math.min(count - 1, Math.max(0, cursor.value + by))
      virtual.scrollToIndex(cursor.value)
    },
    toTop() {
      cursor.value = 0
      virtual.scrollToIndex(0)
    },
    open: withRow(row => state.toggle(row)),
    context: withRow(row => void state.showContext(row)),
    link: withRow(row => void app.copy(app.linkTo(row))),
    copy: withRow(row => void app.copy(row.line)),
  }
}

type App = ReturnType<typeof useApp>
