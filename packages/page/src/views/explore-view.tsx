// The view of a query: histogram, fields at the side and lines, or a chart if the query yields samples.

import { useMemo } from 'preact/hooks'
import { useApp } from '../parts/app-context.ts'
import { formatBytes, formatCount, formatSeconds } from '../parts/figures.ts'
import { IconButton } from '../parts/icon-button.tsx'
import type { Run } from '../state/app.ts'
import { keyOf } from '../state/key-names.ts'
import type { LoadedLines } from '../state/lines.ts'
import type { Live } from '../state/live.ts'
import { ErrorBox } from './error-box.tsx'
import { FieldList } from './field-list.tsx'
import { FirstStart } from './first-start.tsx'
import { Histogram } from './histogram.tsx'
import { LineList } from './line-list.tsx'
import { ListState } from './list-state.ts'
import { MetricView } from './metric-view.tsx'

/** The view. */
export function ExploreView() {
  const app = useApp()
  const { run, lines, live, isEmpty } = app
  if (isEmpty.value && !live.value) return <FirstStart />
  const current = run.value
  if (!current) return null
  if (current.kind === 'samples') return <MetricView key={current.id} run={current} />
  if (live.value) return <LiveLines key={current.id} live={live.value} run={current} />
  return lines.value ? <FoundLines key={current.id} lines={lines.value} run={current} /> : null
}

function FoundLines({ lines, run }: { readonly lines: LoadedLines; readonly run: Run }) {
  const app = useApp()
  const { texts, settings } = app
  const t = texts.value
  const state = useMemo(() => new ListState(app, () => lines.rows), [lines])
  void lines.version.value
  const isLoading = lines.state.value === 'loading'
  const error = lines.error.value
  return (
    <div class="explore">
      {settings.hasFields.value && (
        <FieldList run={run} rows={() => lines.rows} version={lines.version.value} />
      )}
      <div class="explore-main">
        {settings.hasHistogram.value && (
          // The lines come first: both would wait for the same threads of the store.
          <Histogram run={run} isReady={lines.version.value > 0 || error !== undefined} />
        )}
        <LinesBar lines={lines} />
        {lines.warnings.value.map(text => (
          <p key={text} class="warning">
            {text}
          </p>
        ))}
        {error !== undefined && <ErrorBox error={error} onRetry={() => void lines.more()} />}
        {lines.hasBefore.value && (
          <button type="button" class="button before-button" onClick={() => void lines.before()}>
            {lines.ask.order === 'newest' ? t.loadNewer : t.loadOlder}
          </button>
        )}
        {lines.rows.length === 0 && error === undefined && (
          <p class="nothing">{isLoading ? t.loading : t.nothingFound}</p>
        )}
        <LineList
          state={state}
          version={lines.version.value}
          label={t.lines}
          marks={run.marks}
          onEnd={() => void lines.more()}
          end={
            lines.isComplete.value
              ? lines.rows.length > 0
                ? t.thatIsAll(formatCount(lines.rows.length))
                : ''
              : isLoading
                ? t.loading
                : ''
          }
        />
      </div>
    </div>
  )
}

function LinesBar({ lines }: { readonly lines: LoadedLines }) {
  const app = useApp()
  const { texts, settings, dialog, address } = app
  const t = texts.value
  const { summary } = lines.stats.value ?? {}
  // Parts are drawn again only for what they read, and the rows grow in place.
  void lines.version.value
  const { order } = address.value
  return (
    <div class="lines-bar" role="toolbar" aria-label={t.lines}>
      <span class="count" data-count={lines.rows.length}>
        {t.loadedLines(formatCount(lines.rows.length), lines.isComplete.value)}
      </span>
      {summary?.execTime !== undefined && (
        <button
          type="button"
          class="button quiet"
          title={`${t.why.title} (${keyOf.why})`}
          onClick={() => (dialog.value = 'why')}
        >
          {formatSeconds(summary.execTime)} · {formatBytes(summary.totalBytesProcessed ?? 0)}
          <span class="visually-hidden"> {t.why.title}</span>
        </button>
      )}
      <span class="spring" />
      <IconButton
        icon="list"
        label={t.fields.title}
        keyName={keyOf.fields}
        isPressed={settings.hasFields.value}
        onClick={() => (settings.hasFields.value = !settings.hasFields.value)}
      />
      <IconButton
        icon="bars"
        label={t.histogram}
        keyName={keyOf.histogram}
        isPressed={settings.hasHistogram.value}
        onClick={() => (settings.hasHistogram.value = !settings.hasHistogram.value)}
      />
      <IconButton
        icon="wrap"
        label={t.wrap}
        keyName={keyOf.wrap}
        isPressed={settings.isWrapped.value}
        onClick={() => (settings.isWrapped.value = !settings.isWrapped.value)}
      />
      <IconButton
        icon="order"
        label={order === 'newest' ? t.newestFirst : t.oldestFirst}
        keyName={keyOf.order}
        onClick={() => app.setOrder(order === 'newest' ? 'oldest' : 'newest')}
      />
      <button
        type="button"
        class="button"
        title={`${t.zone} (${keyOf.zone})`}
        aria-label={`${t.zone}: ${settings.zone.value === 'utc' ? 'UTC' : t.localTime}`}
        onClick={() => (settings.zone.value = settings.zone.value === 'utc' ? 'local' : 'utc')}
      >
        {settings.zone.value === 'utc' ? 'UTC' : t.localTime}
      </button>
      <IconButton
        icon="download"
        label={t.export.title}
        keyName={keyOf.export}
        onClick={() => (dialog.value = 'export')}
      />
    </div>
  )
}

function LiveLines({ live, run }: { readonly live: Live; readonly run: Run }) {
  const app = useApp()
  const t = app.texts.value
  const state = useMemo(() => new ListState(app, () => live.rows.value), [live])
  const { rows, isPaused, waiting, received, dropped, reason } = live
  return (
    <div class="explore">
      <div class="explore-main">
        <div class="lines-bar live-bar" role="toolbar" aria-label={t.live}>
          <span class={`live-state ${live.state.value}`} role="status">
            <span class="live-dot" /> {t.liveStates[live.state.value]}
            {reason.value !== '' && `: ${reason.value}`}
          </span>
          <span class="count" data-count={received.value}>
            {t.received(formatCount(received.value))}
          </span>
          {dropped.value > 0 && (
            <span class="warning">{t.dropped(formatCount(dropped.value))}</span>
          )}
          <span class="spring" />
          <IconButton
            icon={isPaused.value ? 'play' : 'pause'}
            label={isPaused.value ? t.resume : t.pause}
            onClick={() => {
              if (isPaused.value) {
                live.resume()
                state.toTop()
              } else live.pause()
            }}
          >
            {isPaused.value ? t.resumeWith(formatCount(waiting.value)) : t.pause}
          </IconButton>
          <IconButton icon="stop" label={t.stop} onClick={() => app.setLive(false)} />
        </div>
        {rows.value.length === 0 && <p class="nothing">{t.waitingForLines}</p>}
        <LineList
          state={state}
          version={rows.value.length > 0 ? rows.value[0]!.id : 0}
          label={t.lines}
          marks={run.marks}
          onScroll={isAtTop => {
            if (!isAtTop) live.pause()
            else if (isPaused.value) live.resume()
          }}
          end=""
        />
      </div>
    </div>
  )
}
