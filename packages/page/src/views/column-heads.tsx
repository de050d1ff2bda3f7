// The heads of the columns that somebody chose. Dragging an edge, or the arrow keys on it, changes the width.

import { useApp } from '../parts/app-context.ts'
import { Icon } from '../parts/icon.tsx'

const standardWidth = 160
const leastWidth = 48
const mostWidth = 900
const keyStep = 16

/** Returns the width of a column in pixels. */
export function widthOf(widths: Readonly<Record<string, number>>, name: string): number {
  return Math.min(mostWidth, Math.max(leastWidth, widths[name] ?? standardWidth))
}

/** The heads; nothing without columns. */
export function ColumnHeads({ columns }: { readonly columns: readonly string[] }) {
  const app = useApp()
  const { texts, settings } = app
  const t = texts.value
  if (columns.length === 0) return null
  return (
    <section class="heads" aria-label={t.columns}>
      <span class="head-time">{t.time}</span>
      {columns.map(name => (
        <span
          key={name}
          class="head"
          style={{ width: `${widthOf(settings.widths.value, name)}px` }}
        >
          <span class="head-name">{name}</span>
          <button
            type="button"
            class="head-close"
            aria-label={`${t.removeColumn}: ${name}`}
            onClick={() => app.toggleColumn(name)}
          >
            <Icon name="close" />
          </button>
          <Grip name={name} />
        </span>
      ))}
      <span class="head-line">{t.line}</span>
    </section>
  )
}

function Grip({ name }: { readonly name: string }) {
  const { settings, texts } = useApp()
  const { widths } = settings
  const width = widthOf(widths.value, name)
  const set = (pixels: number) => {
    widths.value = {
      ...widths.value,
      [name]: Math.min(mostWidth, Math.max(leastWidth, Math.round(pixels))),
    }
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: a rule cannot be moved
    <span
      class="grip"
      role="separator"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label={`${texts.value.width}: ${name}`}
      aria-valuenow={width}
      aria-valuemin={leastWidth}
      aria-valuemax={mostWidth}
      onPointerDown={event => {
        const grip = event.currentTarget
        const startX = event.clientX
        grip.setPointerCapture(event.pointerId)
        grip.onpointermove = move => set(width + move.clientX - startX)
        grip.onpointerup = () => {
          grip.onpointermove = null
        }
      }}
      onKeyDown={event => {
        if (event.key === 'ArrowLeft') set(width - keyStep)
        if (event.key === 'ArrowRight') set(width + keyStep)
      }}
    />
  )
}
