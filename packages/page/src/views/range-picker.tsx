// Chooses the time range: a span until now, two times, or since the page was opened.

import { useSignal } from '@preact/signals'
import { formatInput, formatNs, parseInput } from '../line/time-text.ts'
import { useApp } from '../parts/app-context.ts'
import { Icon } from '../parts/icon.tsx'
import { IconButton } from '../parts/icon-button.tsx'
import { keyOf } from '../state/key-names.ts'
import { absoluteRange, relativeMs, resolveRange, spans, type TimeRange } from '../state/range.ts'

/** The button with the range, and the window below it. */
export function RangePicker() {
  const app = useApp()
  const { texts, dialog, settings, address } = app
  const t = texts.value
  const isOpen = dialog.value === 'range'
  const range = address.value.range ?? app.range
  return (
    <div class="range">
      <IconButton
        icon="back"
        label={t.range.back}
        keyName={keyOf.back}
        onClick={() => app.moveRange(-1)}
      />
      <button
        type="button"
        class="button range-button"
        aria-expanded={isOpen}
        aria-label={`${t.range.title}: ${rangeText(range, settings.zone.value, t.range)}`}
        title={`${t.range.title} (${keyOf.range})`}
        onClick={() => (dialog.value = isOpen ? '' : 'range')}
      >
        <Icon name="clock" />
        <span class="range-text">{rangeText(range, settings.zone.value, t.range)}</span>
      </button>
      <IconButton
        icon="forward"
        label={t.range.forward}
        keyName={keyOf.forward}
        onClick={() => app.moveRange(1)}
      />
      {isOpen && <RangeWindow range={range} />}
    </div>
  )
}

function rangeText(
  { from, to }: TimeRange,
  zone: 'local' | 'utc',
  t: { last: (span: string) => string; now: string },
): string {
  if (to === 'now' && relativeMs(from) !== undefined) return t.last(from.replace('now-', ''))
  const short = (text: string) =>
    relativeMs(text) === undefined ? formatNs(text, zone).slice(5, 19) : text
  return `${short(from)} → ${to === 'now' ? t.now : short(to)}`
}

function RangeWindow({ range }: { readonly range: TimeRange }) {
  const app = useApp()
  const { texts, settings, dialog } = app
  const t = texts.value.range
  const zone = settings.zone.value
  const { startNs, endNs } = resolveRange(range, Date.now())
  const from = useSignal(formatInput(Number(startNs / 1_000_000n), zone))
  const to = useSignal(formatInput(Number(endNs / 1_000_000n), zone))
  const choose = (chosen: TimeRange) => {
    dialog.value = ''
    app.setRange(chosen)
  }
  const apply = () => {
    const fromMs = parseInput(from.value, zone)
    const toMs = parseInput(to.value, zone)
    if (fromMs === undefined || toMs === undefined || toMs <= fromMs) {
      app.say(t.wrong)
      return
    }
    choose(absoluteRange(BigInt(fromMs) * 1_000_000n, BigInt(toMs) * 1_000_000n))
  }
  return (
    <section
      class="range-window"
      aria-label={t.title}
      onKeyDown={event => {
        if (event.key === 'Escape') dialog.value = ''
      }}
    >
      <div class="range-spans">
        {spans.map(span => (
          <button
            key={span}
            type="button"
            class="button"
            aria-pressed={range.from === `now-${span}` && range.to === 'now'}
            onClick={() => choose({ from: `now-${span}`, to: 'now' })}
          >
            {t.last(span)}
          </button>
        ))}
        <button
          type="button"
          class="button"
          onClick={() => choose({ from: String(app.openedNs), to: 'now' })}
        >
          {t.sinceOpened}
        </button>
      </div>
      <div class="range-exact">
        <label>
          {t.from}
          <input
            type="datetime-local"
            step="1"
            value={from.value}
            onInput={event => (from.value = event.currentTarget.value)}
          />
        </label>
        <label>
          {t.to}
          <input
            type="datetime-local"
            step="1"
            value={to.value}
            onInput={event => (to.value = event.currentTarget.value)}
          />
        </label>
        <button type="button" class="button primary" onClick={apply}>
          {t.apply}
        </button>
        <label class="check">
          <input
            type="checkbox"
            checked={zone === 'utc'}
            onChange={event =>
              (settings.zone.value = event.currentTarget.checked ? 'utc' : 'local')
            }
          />
          UTC
        </label>
      </div>
    </section>
  )
}
