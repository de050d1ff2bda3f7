// The state of the store: what it holds, how long that stays, who sends lines, and what the agent beside it reads.

import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import type { AgentTargets, StoreStatus } from '../api/answers.ts'
import { listedMax, statusEveryMs } from '../limits.ts'
import { formatClock } from '../line/time-text.ts'
import { useApp } from '../parts/app-context.ts'
import { formatBytes, formatCount, formatSeconds } from '../parts/figures.ts'
import { ScrollRegion } from '../parts/scroll-region.tsx'
import { ErrorBox } from './error-box.tsx'

/** The view. */
export function StatusView() {
  const app = useApp()
  const t = app.texts.value.status
  const error = useSignal<unknown>(undefined)
  const targets = useSignal<AgentTargets | undefined>(undefined)
  useEffect(() => {
    const abort = new AbortController()
    const ask = async () => {
      try {
        const { data } = await app.client.json<{ data: StoreStatus }>(
          'skald/status',
          {},
          { signal: abort.signal },
        )
        app.status.value = data
        if (data.hasAgent) {
          targets.value = await app.client.json<AgentTargets>(
            'agent/targets',
            { format: 'json' },
            { signal: abort.signal },
          )
        }
        error.value = undefined
      } catch (cause) {
        if (!abort.signal.aborted) {
          app.explain(cause)
          error.value = cause
        }
      }
    }
    void ask()
    const timer = setInterval(ask, statusEveryMs)
    return () => {
      abort.abort()
      clearInterval(timer)
    }
  }, [app.settings.tenant.value])
  const status = app.status.value
  return (
    <section class="listing status">
      <div class="listing-head">
        <h1>{t.title}</h1>
        {status && (
          <span class={`badge ${status.state === 'ready' ? 'good' : ''}`}>
            {t.states[status.state] ?? status.state}
          </span>
        )}
        {status && <span class="dim">Skald {status.version}</span>}
      </div>
      {error.value !== undefined && <ErrorBox error={error.value} />}
      {status && (
        <div class="cards">
          <Ingest status={status} />
          <Disk status={status} />
          <Days status={status} />
          <Upkeep status={status} />
          <Clients status={status} />
          {targets.value && <Targets targets={targets.value} />}
          <Links hasAgent={status.hasAgent} />
        </div>
      )}
    </section>
  )
}

interface CardProps {
  readonly title: string
  readonly isWide?: boolean
  readonly children: ComponentChildren
}

function Card({ title, isWide = false, children }: CardProps) {
  return (
    <section class={isWide ? 'card wide' : 'card'} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  )
}

interface PartProps {
  readonly status: StoreStatus
}

function Ingest({ status }: PartProps) {
  const t = useApp().texts.value.status
  const { slotMs, slots } = status.ingest
  // The last whole slot: the current one is still filling.
  const current = Math.floor(status.nowMs / slotMs) * slotMs
  const whole = slots.find(({ startMs }) => startMs === current - slotMs)
  const perSecond = (count: number) => (count * 1000) / slotMs
  const most = Math.max(1, ...slots.map(({ lines }) => lines))
  const first = current - 89 * slotMs
  return (
    <Card title={t.ingest}>
      <p class="big-number">{t.linesPerSecond(formatCount(perSecond(whole?.lines ?? 0)))}</p>
      <p class="dim">{t.bytesPerSecond(formatBytes(perSecond(whole?.bytes ?? 0)))}</p>
      <svg class="ingest-bars" viewBox="0 0 90 40" preserveAspectRatio="none" aria-hidden="true">
        {slots.map(({ startMs, lines }) => (
          <rect
            key={startMs}
            x={(startMs - first) / slotMs + 0.1}
            width="0.8"
            y={40 - (lines / most) * 38}
            height={(lines / most) * 38}
          />
        ))}
      </svg>
      <p class="dim">{t.lastQuarter}</p>
    </Card>
  )
}

function Disk({ status }: PartProps) {
  const t = useApp().texts.value.status
  const { disk, room, retention, days } = status
  const stored = days.reduce((sum, { bytes }) => sum + bytes, 0)
  const share = (bytes: number) => `${(bytes / disk.totalBytes) * 100}%`
  return (
    <Card title={t.disk}>
      <p class="big-number">{formatBytes(stored)}</p>
      <div class="disk-bar" role="img" aria-label={t.free(formatBytes(disk.freeBytes))}>
        <span class="disk-store" style={{ width: share(Math.min(stored, disk.takenBytes)) }} />
        <span class="disk-other" style={{ width: share(Math.max(0, disk.takenBytes - stored)) }} />
      </div>
      <p>{t.free(formatBytes(disk.freeBytes))}</p>
      <p class="dim">{t.growth(formatBytes(room.bytesPerDay))}</p>
      <p class="dim">
        {retention.seconds === 0 ? t.keptForever : t.keptFor(formatSeconds(retention.seconds))}
        {retention.maxBytes > 0 && ` ${t.keptBytes(formatBytes(retention.maxBytes))}`}
        {retention.streams > 0 && ` ${t.keptStreams(formatCount(retention.streams))}`}
      </p>
      <p class="dim">
        {room.fullInDays === null || room.fullInDays > 3650
          ? t.neverFull
          : t.fullIn(formatCount(Math.floor(room.fullInDays)), room.oldestDay ?? '–')}
      </p>
    </Card>
  )
}

function Days({ status }: PartProps) {
  const t = useApp().texts.value.status
  const most = Math.max(1, ...status.days.map(({ bytes }) => bytes))
  return (
    <Card title={status.tenant ? t.daysOf(status.tenant) : t.days}>
      <ol class="days">
        {status.days
          .toReversed()
          .slice(0, 30)
          .map(({ day, bytes }) => (
            <li key={day}>
              <span class="share-bar" style={{ width: `${(bytes / most) * 100}%` }} />
              <span class="share-value">{day}</span>
              <span class="dim">{formatBytes(bytes)}</span>
            </li>
          ))}
      </ol>
    </Card>
  )
}

function Upkeep({ status }: PartProps) {
  const t = useApp().texts.value.status
  const { isRunning, runs, segments, streams, level0Segments, level0Bytes } = status.compaction
  return (
    <Card title={t.compaction}>
      <dl class="facts">
        <dt>{t.state}</dt>
        <dd>{isRunning ? t.running : t.idle}</dd>
        <dt>{t.runs}</dt>
        <dd>{formatCount(runs)}</dd>
        <dt>{t.segments}</dt>
        <dd>{formatCount(segments)}</dd>
        <dt>{t.waitingSegments}</dt>
        <dd>
          {formatCount(level0Segments)} ({formatBytes(level0Bytes)})
        </dd>
        <dt>{t.streams}</dt>
        <dd>{formatCount(streams)}</dd>
      </dl>
    </Card>
  )
}

function Clients({ status }: PartProps) {
  const app = useApp()
  const t = app.texts.value.status
  return (
    <Card title={t.clients} isWide>
      {status.clients.length === 0 && <p class="dim">{t.noClients}</p>}
      {status.clients.length > 0 && (
        <ScrollRegion label={t.clients}>
          <table class="samples">
            <thead>
              <tr>
                <th scope="col">{t.client}</th>
                <th scope="col">{t.address}</th>
                <th scope="col" class="number">
                  {t.lines}
                </th>
                <th scope="col" class="number">
                  {t.bytes}
                </th>
                <th scope="col">{t.last}</th>
              </tr>
            </thead>
            <tbody>
              {status.clients.map(({ address, userAgent, lines, bytes, lastMs }) => (
                <tr key={`${address} ${userAgent}`}>
                  <td dir="auto">{userAgent || '–'}</td>
                  <td>{address}</td>
                  <td class="number">{formatCount(lines)}</td>
                  <td class="number">{formatBytes(bytes)}</td>
                  <td>{formatClock(lastMs, app.settings.zone.value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollRegion>
      )}
    </Card>
  )
}

/** The plain pages of the store, below whatever prefix it has. */
function Links({ hasAgent }: { readonly hasAgent: boolean }) {
  const t = useApp().texts.value.status
  const paths = ['ready', 'metrics', 'config', 'services', ...(hasAgent ? ['agent/targets'] : [])]
  return (
    <Card title={t.pages} isWide>
      <ul class="links">
        {paths.map(path => (
          <li key={path}>
            <a href={path}>/{path}</a>
          </li>
        ))}
      </ul>
    </Card>
  )
}

function Targets({ targets }: { readonly targets: AgentTargets }) {
  const t = useApp().texts.value.status
  return (
    <Card title={t.targets} isWide>
      {targets.jobs.map(({ job, isReady, targets: own }) => (
        <div key={job} class="job">
          <h3>
            {job}{' '}
            <span class={`badge ${isReady ? 'good' : ''}`}>{isReady ? t.reads : t.waits}</span>
          </h3>
          <ul>
            {own.slice(0, listedMax).map(({ path, files }) => (
              <li key={path}>
                <code dir="auto">{path}</code>{' '}
                <span class="dim">{t.files(formatCount(files.length))}</span>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </Card>
  )
}
