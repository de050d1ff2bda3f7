// Opens the right kind of reader for one file of a target, and connects it to the job's pipeline.

import type { Logger } from 'pino'
import type { Clocks } from '../clocks.ts'
import { type GapLog, gapStream } from '../gaps/gap-log.ts'
import { awayDirectoryMsMax } from '../limits.ts'
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

/** A reader of one path. */
export type PathTailer = Tailer | MixedTailer | CompressedTailer | ContainerStream

/** What all readers of one client share. */
export interface TailerEnvironment extends Clocks {
  /** Name of the client that files are read for. Empty if there is one client. */
  readonly lane: string
  readonly known: KnownFiles
  readonly journal: TimeJournal
  readonly scheduler: ReadScheduler
  readonly held: HeldFiles
  readonly metrics: LaneMetrics
  readonly logger: Logger
  /** Takes what is lost. Absent if markers are off. */
  readonly gaps: GapLog | undefined
  /** Line rate limit of all jobs together. */
  readonly limiter: { pausedUntilMs(nowMs: number): number } | undefined
}

/** What a reader reports to its owner and asks of it. */
export interface TailerOwner {
  readonly scope: string
  /** Labels of lines read from now on. */
  readonly labels: () => LabelState
  readonly onBacklog: (bytes: number) => void
  readonly onRead: (bytes: number) => void
}

/** Makes the reader of a path. It reads nothing before its first `poll`. */
export function openTailer(
  managed: JobTarget,
  path: string,
  { owner, environment }: { readonly owner: TailerOwner; readonly environment: TailerEnvironment },
): PathTailer {
  const { known, journal, scheduler, held, metrics, logger, nowMs, wallMs, limiter } = environment
  const { lane, gaps } = environment
  const { pipeline, config } = managed.job
  const canPause = pipeline.canPause || limiter !== undefined
  const pausedUntilMs = () =>
    Math.max(pipeline.pausedUntilMs(nowMs()), limiter?.pausedUntilMs(nowMs()) ?? 0)
  // For container logs: the lines being assembled, by file.
  const lines = new WeakMap<LineOrigin, ContainerLines>()
  const openLines = (origin: LineOrigin) => {
    const opened = openContainerLines(managed, origin, () => metrics.dockerEntries.inc({}))
    lines.set(origin, opened)
    return opened
  }
  // Stages may have given its lines other labels.
  const streamOf = (origin?: LineOrigin) => gapStream(origin?.lastLabels ?? owner.labels())
  const countDamaged = () => metrics.dockerParsingErrors.inc({})
  const context: TailerContext = {
    ...{ known, journal, scheduler, held, logger, nowMs, wallMs, countDamaged },
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
    countLost: ({ kind, bytes, origin }) => {
      metrics.lostBytes.inc({}, bytes)
      gaps?.note({ ...streamOf(origin), kind, file: path, bytes })
    },
    awaitLost: (id, bytes) => {
      if (bytes === undefined) gaps?.found(id)
      else
        gaps?.await(id, { ...streamOf(), kind: 'deleted', file: path, bytes }, awayDirectoryMsMax)
    },
    countUnheld: bytes => metrics.unheldBytes.inc(bytes),
    countRewritten: () => metrics.rewrittenFiles.inc({}),
    countSkippedLine: () => metrics.droppedLines.inc({ reason: 'line_too_long' }),
    countSkipped: (bytes, origin) =>
      gaps?.note({ ...streamOf(origin), kind: 'too_long', file: path, bytes, lines: 1 }),
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
