// Makes what reads one file of a target: the kind of reader that it needs, and its way into the job's
// pipeline.

import type { Logger } from 'pino'
import { LabelState } from '../line/label-state.ts'
import type { LineOrigin } from '../line/line-origin.ts'
import type { LaneMetrics } from '../metrics/agent-metrics.ts'
import { ContainerLines } from '../pipeline/container-lines.ts'
import { JsonFileConsumer } from '../pipeline/json-file-consumer.ts'
import { isStream } from '../targets/file-target.ts'
import type { CompressedTailer } from './compressed-tailer.ts'
import { ContainerStream } from './container-stream.ts'
import type { HeldFiles } from './held-files.ts'
import type { KnownFiles } from './known-files.ts'
import type { JobTarget } from './managed-job.ts'
import { MixedTailer } from './mixed-tailer.ts'
import type { ReadScheduler } from './read-scheduler.ts'
import { Tailer, type TailerContext } from './tailer.ts'
import type { TimeJournal } from './time-journal.ts'

/** Whatever reads one path. */
export type PathTailer = Tailer | MixedTailer | CompressedTailer | ContainerStream

/** What all readers of one client have in common. */
export interface TailerEnvironment {
  /** Name of the client for which files are read; empty where there is one. */
  readonly lane: string
  readonly known: KnownFiles
  readonly journal: TimeJournal
  readonly scheduler: ReadScheduler
  readonly held: HeldFiles
  readonly metrics: LaneMetrics
  readonly logger: Logger
  /** Limit on the lines of all jobs together. */
  readonly limiter: { pausedUntilMs(nowMs: number): number } | undefined
  readonly nowMs: () => number
}

/** What a reader tells, and asks, of its owner. */
export interface TailerOwner {
  readonly scope: string
  /** Labels of the lines that are read from now on. */
  readonly labels: () => LabelState
  readonly onBacklog: (bytes: number) => void
  readonly onRead: (bytes: number) => void
}

/** Makes the reader of a path; it reads nothing before its first `poll`. */
export function openTailer(
  managed: JobTarget,
  path: string,
  { owner, environment }: { readonly owner: TailerOwner; readonly environment: TailerEnvironment },
): PathTailer {
  const { known, journal, scheduler, held, metrics, logger, nowMs, limiter, lane } = environment
  const { pipeline, config } = managed.job
  const canPause = pipeline.canPause || limiter !== undefined
  const pausedUntilMs = () =>
    Math.max(pipeline.pausedUntilMs(nowMs()), limiter?.pausedUntilMs(nowMs()) ?? 0)
  // Of a container's log: what is being put together, by its file.
  const lines = new WeakMap<LineOrigin, ContainerLines>()
  const openLines = (origin: LineOrigin) => {
    const opened = openContainerLines(managed, origin, () => metrics.dockerEntries.inc({}))
    lines.set(origin, opened)
    return opened
  }
  const countDamaged = () => metrics.dockerParsingErrors.inc({})
  const context: TailerContext = {
    ...{ known, journal, scheduler, held, logger, nowMs, countDamaged },
    ...{ scope: owner.scope, onBacklog: owner.onBacklog, onRead: owner.onRead },
    encoding: config.encoding,
    openConsumer: origin =>
      managed.target.container
        ? new JsonFileConsumer(openLines(origin), countDamaged)
        : pipeline.open(origin, owner.labels()),
    finishOrigin: origin => {
      lines.get(origin)?.finish()
      pipeline.finish(origin)
    },
    metrics: metrics.forFile(path),
    countLost: bytes => metrics.lostBytes.inc({}, bytes),
    countUnheld: bytes => metrics.unheldBytes.inc(bytes),
    countRewritten: () => metrics.rewrittenFiles.inc({}),
    countSkippedLine: () => metrics.droppedLines.inc({ reason: 'line_too_long' }),
    mayGoOn: canPause ? () => pausedUntilMs() === 0 : undefined,
    pauseMs: () => Math.max(0, pausedUntilMs() - nowMs()),
  }
  const { container } = managed.target
  if (container && isStream(managed.target)) {
    return new ContainerStream(path, context, { log: container.log, openLines, lane })
  }
  const { decompression } = config
  if (decompression) return new MixedTailer(path, context, decompression)
  return new Tailer(path, context)
}

function openContainerLines(
  { job, target }: JobTarget,
  origin: LineOrigin,
  onEntry: () => void,
): ContainerLines {
  const { stdout, stderr } = target.container!
  const labels = {
    stdout: stdout && new LabelState(stdout),
    stderr: stderr && new LabelState(stderr),
  }
  return new ContainerLines({ origin, pipeline: job.pipeline, labels, onEntry })
}
