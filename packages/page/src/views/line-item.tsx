// One line in the list, with its context and its fields if they are unfolded.

import { Component } from 'preact'
import { foldedCharsMax, readCharsMax, unfoldedCharsMax } from '../limits.ts'
import { fieldValue } from '../line/fields.ts'
import { piecesOf } from '../line/pieces.ts'
import type { Row } from '../line/row.ts'
import { formatNs } from '../line/time-text.ts'
import { useApp } from '../parts/app-context.ts'
import { widthOf } from './column-heads.tsx'
import { LineDetail } from './line-detail.tsx'
import type { Context, ListState } from './list-state.ts'

export interface LineItemProps {
  readonly row: Row
  readonly index: number
  readonly state: ListState
  readonly marks: RegExp | undefined
  readonly isCursor: boolean
  readonly measure: (element: Element | null) => void
}

/** An item of the list. Its height is measured, because it changes. */
export function LineItem({ row, index, state, marks, isCursor, measure }: LineItemProps) {
  const app = useApp()
  const { settings, address } = app
  const isOpen = state.opened.value.has(row.id)
  const context = state.contexts.value.get(row.id)
  // Other rows have the height of one line, and measuring them would cost a layout for each frame.
  const isMeasured =
    settings.isWrapped.value ||
    row.line.includes('\n') ||
    state.isMeasured(row, isOpen || !!context)
  const isNewestFirst = app.live.value !== undefined || address.value.order === 'newest'
  const parts = {
    zone: settings.zone.value,
    columns: address.value.columns,
    widths: settings.widths.value,
    marks,
  }
  return (
    <li
      class={`item${isCursor ? ' cursor' : ''}${context ? ' with-context' : ''}`}
      data-index={index}
      ref={isMeasured ? measure : null}
    >
      {context && <ContextRows rows={first(context, isNewestFirst)} {...parts} />}
      <LineRow
        row={row}
        isOpen={isOpen}
        onToggle={() => {
          app.cursor.value = index
          state.toggle(row)
        }}
        {...parts}
      />
      {isOpen && <LineDetail row={row} state={state} />}
      {context && <ContextRows rows={second(context, isNewestFirst)} {...parts} />}
    </li>
  )
}

function first({ before, after }: Context, isNewestFirst: boolean): readonly Row[] {
  return isNewestFirst ? after.toReversed() : before
}

function second({ before, after }: Context, isNewestFirst: boolean): readonly Row[] {
  return isNewestFirst ? before.toReversed() : after
}

interface RowParts {
  readonly zone: 'local' | 'utc'
  readonly columns: readonly string[]
  readonly widths: Readonly<Record<string, number>>
  readonly marks: RegExp | undefined
}

function ContextRows({ rows, ...parts }: RowParts & { readonly rows: readonly Row[] }) {
  return (
    <div class="context">
      {rows.map(row => (
        <LineRow key={row.id} row={row} isOpen={false} {...parts} />
      ))}
    </div>
  )
}

interface LineRowProps extends RowParts {
  readonly row: Row
  readonly isOpen: boolean
  readonly onToggle?: () => void
}

/** Drawn again only if something in it changed: scrolling draws the list for each frame. */
class LineRow extends Component<LineRowProps> {
  override shouldComponentUpdate(next: LineRowProps): boolean {
    const { row, isOpen, zone, columns, widths, marks } = this.props
    return (
      next.row !== row ||
      next.isOpen !== isOpen ||
      next.zone !== zone ||
      next.columns !== columns ||
      next.widths !== widths ||
      next.marks !== marks
    )
  }

  override render({ row, isOpen, onToggle, zone, columns, widths, marks }: LineRowProps) {
    const time = formatNs(row.ns, zone)
    return (
      <div class={`row level-${row.level}`}>
        {onToggle ? (
          <button type="button" class="time" aria-expanded={isOpen} onClick={onToggle}>
            <span class="visually-hidden">{row.level} </span>
            <span class="time-date">{time.slice(0, 11)}</span>
            {time.slice(11, 23)}
            <span class="time-rest">{time.slice(23)}</span>
          </button>
        ) : (
          <span class="time">
            <span class="time-date">{time.slice(0, 11)}</span>
            {time.slice(11, 23)}
            <span class="time-rest">{time.slice(23)}</span>
          </span>
        )}
        {columns.map(name => (
          <span key={name} class="cell" dir="auto" style={{ width: `${widthOf(widths, name)}px` }}>
            {fieldValue(row, name)}
          </span>
        ))}
        {/* biome-ignore lint/a11y/noStaticElementInteractions: the button before it does the same with the keyboard */}
        {/* biome-ignore lint/a11y/useKeyWithClickEvents: the button before it does the same with the keyboard */}
        <span
          class="line"
          dir="auto"
          onClick={() => {
            // A selection is for copying.
            if (getSelection()?.isCollapsed !== false) onToggle?.()
          }}
        >
          <LineText
            line={row.line}
            marks={marks}
            most={isOpen ? unfoldedCharsMax : foldedCharsMax}
          />
        </span>
      </div>
    )
  }
}

interface LineTextProps {
  readonly line: string
  readonly marks: RegExp | undefined
  readonly most: number
}

/** The text of a line, with colours and marks. Always text, whatever is in it. */
function LineText({ line, marks, most }: LineTextProps) {
  const shown = line.length > most ? line.slice(0, most) : line
  const pieces =
    shown.length > readCharsMax
      ? [{ text: shown, colour: '', isMatch: false }]
      : piecesOf(shown, marks)
  return (
    <>
      {pieces.map(({ text, colour, isMatch }, i) =>
        isMatch ? (
          <mark key={i} class={colour}>
            {text}
          </mark>
        ) : colour === '' ? (
          text
        ) : (
          <span key={i} class={colour}>
            {text}
          </span>
        ),
      )}
      {line.length > most && <FoldedRest count={line.length - most} />}
    </>
  )
}

function FoldedRest({ count }: { readonly count: number }) {
  const { texts } = useApp()
  return <span class="folded">… {texts.value.moreCharacters(count.toLocaleString('en-US'))}</span>
}
