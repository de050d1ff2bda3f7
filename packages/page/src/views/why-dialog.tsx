// Why a query took as long as it did: which blocks the store did not have to read and why, the bytes it read, and the
// time of each step.

import type { Explanation, MatrixData, QueryAnswer, QueryStats } from '../api/answers.ts'
import { metricPointsMax } from '../limits.ts'
import { kindOf } from '../logql/logql-text.ts'
import { useApp } from '../parts/app-context.ts'
import { Dialog } from '../parts/dialog.tsx'
import { formatBytes, formatCount, formatSeconds } from '../parts/figures.ts'
import { useLoad } from '../parts/use-load.ts'
import { stepSecondsOf } from '../state/range.ts'
import { ErrorBox } from './error-box.tsx'

/** The window. */
export function WhyDialog() {
  const app = useApp()
  const t = app.texts.value.why
  const known = app.lines.value?.stats.value
  const asked = useLoad(async signal => (known?.skald ? known : await askAgain(app, signal)), [])
  const stats = asked.value
  return (
    <Dialog title={t.title} onClose={() => (app.dialog.value = '')} isWide>
      {asked.error !== undefined && <ErrorBox error={asked.error} />}
      {stats?.skald && <Explained stats={stats} explanation={stats.skald} />}
      {!stats && asked.isLoading && <p class="nothing">{app.texts.value.loading}</p>}
    </Dialog>
  )
}

/** A live view has no answer to explain, and a chart keeps none: the query runs once more. */
async function askAgain(
  app: ReturnType<typeof useApp>,
  signal: AbortSignal,
): Promise<QueryStats | undefined> {
  const run = app.run.value
  if (!run) return undefined
  const { data } = await app.client.json<QueryAnswer<MatrixData>>(
    'loki/api/v1/query_range',
    {
      ...{ query: run.query, explain: 'true', limit: 100 },
      start: String(run.startNs),
      end: String(run.endNs),
      step: kindOf(run.query) === 'samples' ? stepSecondsOf(run, metricPointsMax) : undefined,
    },
    { signal },
  )
  return data.stats
}

interface ExplainedProps {
  readonly stats: QueryStats
  readonly explanation: Explanation
}

/** Blocks in the order in which the store leaves them out. */
const blockKinds = [
  'outOfRange',
  'otherStreams',
  'deleted',
  'filtered',
  'fromCounts',
  'counted',
  'beyondLimit',
  'scanned',
] as const
const steps = ['streams', 'footers', 'filters', 'counts', 'scan', 'merge', 'rest'] as const
const byteKinds = [
  'footersRead',
  'filtersRead',
  'countsRead',
  'blocksRead',
  'decompressed',
] as const

function Explained({ stats, explanation }: ExplainedProps) {
  const t = useApp().texts.value.why
  const { blocks, bytes, seconds, threads, bucket } = explanation
  const all = blockKinds.reduce((sum, kind) => sum + (blocks[kind] ?? 0), 0)
  const total = stats.summary?.execTime ?? 0
  return (
    <div class="why">
      <p class="why-sum">
        {t.sum(
          formatSeconds(total),
          formatCount(blocks.scanned ?? 0),
          formatCount(all),
          formatBytes(bytes.blocksRead ?? 0),
        )}
      </p>
      <h3>{t.blocks}</h3>
      <ul class="why-bars">
        {blockKinds.map(kind => (
          <WhyBar
            key={kind}
            kind={kind === 'scanned' ? 'read' : 'skipped'}
            name={t.blockKinds[kind]}
            share={(blocks[kind] ?? 0) / Math.max(1, all)}
            text={formatCount(blocks[kind] ?? 0)}
          />
        ))}
      </ul>
      <h3>{t.time}</h3>
      <ul class="why-bars">
        {steps.map(step => (
          <WhyBar
            key={step}
            kind="read"
            name={t.steps[step]}
            share={(seconds[step] ?? 0) / Math.max(1e-9, total)}
            text={formatSeconds(seconds[step] ?? 0)}
          />
        ))}
      </ul>
      <h3>{t.bytes}</h3>
      <ul class="why-bars">
        {byteKinds.map(kind => (
          <WhyBar
            key={kind}
            kind="read"
            name={t.byteKinds[kind]}
            share={(bytes[kind] ?? 0) / Math.max(1, ...byteKinds.map(other => bytes[other] ?? 0))}
            text={formatBytes(bytes[kind] ?? 0)}
          />
        ))}
      </ul>
      <dl class="facts">
        <dt>{t.streams}</dt>
        <dd>{formatCount(explanation.streams)}</dd>
        <dt>{t.segments}</dt>
        <dd>{formatCount(explanation.segments)}</dd>
        <dt>{t.threads}</dt>
        <dd>
          {formatCount(threads.count)} · {formatSeconds(threads.scanCpuSeconds)} CPU
        </dd>
        <dt>{t.falseHits}</dt>
        <dd>{formatCount(explanation.filters.falseHits ?? 0)}</dd>
        {bucket.requests > 0 && (
          <>
            <dt>{t.bucket}</dt>
            <dd>
              {formatCount(bucket.requests)} · {formatBytes(bucket.bytes)}
            </dd>
          </>
        )}
      </dl>
    </div>
  )
}

interface WhyBarProps {
  readonly kind: 'read' | 'skipped'
  readonly name: string
  readonly share: number
  readonly text: string
}

function WhyBar({ kind, name, share, text }: WhyBarProps) {
  return (
    <li>
      <span class="why-name">{name}</span>
      <span class="why-track">
        <span class={`why-bar ${kind}`} style={{ width: `${Math.min(1, share) * 100}%` }} />
      </span>
      <span class="why-text">{text}</span>
    </li>
  )
}
