// What a line holds: its fields in a table, each with what can be done with it, and actions for the line itself.

import { type Field, fieldsOf } from '../line/fields.ts'
import type { Row } from '../line/row.ts'
import { formatNs } from '../line/time-text.ts'
import { filterField } from '../logql/logql-text.ts'
import { useApp } from '../parts/app-context.ts'
import { IconButton } from '../parts/icon-button.tsx'
import { type ContextWidth, contextWidths, type ListState } from './list-state.ts'

/** The part below an unfolded line. */
export function LineDetail({ row, state }: { readonly row: Row; readonly state: ListState }) {
  const app = useApp()
  const t = app.texts.value
  const context = state.contexts.value.get(row.id)
  return (
    <div class="detail">
      <div class="detail-actions" role="toolbar" aria-label={t.lineActions}>
        <span class="detail-time">
          {formatNs(row.ns, 'utc')} UTC · {row.ns}
        </span>
        <span class="spring" />
        {contextWidths.map(width => (
          <ContextButton
            key={width}
            width={width}
            isShown={context?.width === width}
            onClick={() => void state.showContext(row, width)}
          />
        ))}
        {context && (
          <IconButton icon="close" label={t.context.hide} onClick={() => state.hideContext(row)} />
        )}
        <IconButton icon="link" label={t.copyLink} onClick={() => void app.copy(app.linkTo(row))}>
          {t.copyLink}
        </IconButton>
        <IconButton icon="copy" label={t.copyLine} onClick={() => void app.copy(row.line)}>
          {t.copyLine}
        </IconButton>
      </div>
      <table class="field-table">
        <caption class="visually-hidden">{t.fields.title}</caption>
        <tbody>
          {fieldsOf(row).map(field => (
            <FieldRow key={`${field.origin} ${field.name}`} field={field} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

interface ContextButtonProps {
  readonly width: ContextWidth
  readonly isShown: boolean
  readonly onClick: () => void
}

function ContextButton({ width, isShown, onClick }: ContextButtonProps) {
  const { texts } = useApp()
  const { context } = texts.value
  return (
    <button type="button" class="button" aria-pressed={isShown} onClick={onClick}>
      {isShown ? context.more : context.widths[width]}
    </button>
  )
}

function FieldRow({ field }: { readonly field: Field }) {
  const app = useApp()
  const t = app.texts.value
  const { name, value, origin } = field
  const isColumn = app.address.value.columns.includes(name)
  const filter = (isIn: boolean) => app.ask(filterField(app.draft.value, field, isIn))
  return (
    <tr>
      <td class="field-actions">
        <IconButton icon="plus" label={`${t.filterIn}: ${name}`} onClick={() => filter(true)} />
        <IconButton icon="minus" label={`${t.filterOut}: ${name}`} onClick={() => filter(false)} />
        <IconButton
          icon="column"
          label={`${t.showColumn}: ${name}`}
          isPressed={isColumn}
          onClick={() => app.toggleColumn(name)}
        />
        <IconButton icon="copy" label={`${t.copy}: ${name}`} onClick={() => void app.copy(value)} />
      </td>
      <th scope="row" dir="auto">
        {name} <span class={`origin origin-${origin}`}>{t.origins[origin]}</span>
      </th>
      <td class="field-value" dir="auto">
        {value}
      </td>
    </tr>
  )
}
