// The cri stage: removes the prefix of a CRI line, sets label `stream` and the time, and joins the parts of
// long lines, separately for each stream of each file.

import { readLooseBoolean, readLooseCount } from '@skald/config-reading'
import { criPartIdleMs, partialLinesMax } from '../../limits.ts'
import type { LabelState } from '../../line/label-state.ts'
import type { LineOrigin } from '../../line/line-origin.ts'
import { emptySinkLine, type LineSink, type SinkLine } from '../../line/line-sink.ts'
import { CriLine } from '../cri-line.ts'
import type { PipelineEntry } from '../entry.ts'
import { LastTimes } from '../fudge.ts'
import { JoiningStage } from '../joining-stage.ts'
import type { JoinOptions } from '../part-joiner.ts'
import { type LineConsumer, splitTimestamp } from '../pipeline.ts'
import { labelsByStream, type RuntimeLine } from '../runtime-line.ts'
import type { NextStage, StageDefinition } from '../stage.ts'

/** Limits of joining. */
export type CriOptions = Pick<JoinOptions, 'partialLinesMax' | 'truncateBytes'>

export const criStage: StageDefinition = {
  read(body) {
    const options = body.record({
      max_partial_lines: readLooseCount,
      max_partial_line_size: readLooseCount,
      max_partial_line_size_truncate: readLooseBoolean,
    })
    const truncates = options.max_partial_line_size_truncate === true
    return context =>
      new CriStage(
        {
          partialLinesMax: options.max_partial_lines || partialLinesMax,
          truncateBytes: truncates ? (options.max_partial_line_size ?? 0) : 0,
        },
        new CriLine(),
        context.nowMs,
      )
  },
}

/** Joins the parts of CRI lines. Works on entries or, if it is the only stage, on bytes. */
export class CriStage extends JoiningStage {
  readonly #line: RuntimeLine
  readonly #lastTimes = new LastTimes()

  constructor(options: CriOptions, line: RuntimeLine, nowMs: () => number) {
    super({ ...options, idleMs: criPartIdleMs, nowMs })
    this.#line = line
  }

  run(entry: PipelineEntry, next: NextStage): void {
    const bytes = entry.lineBytes
    const line = this.#line
    entry.refreshExtracted()
    if (!line.read(bytes, 0, bytes.length)) {
      next(entry)
      return
    }
    const { extracted } = entry
    extracted.set('time', line.timeText)
    extracted.set('stream', line.stream)
    extracted.set('flags', line.flagsText)
    entry.labels = entry.labels.with('stream', line.stream)
    if (line.hasTime) {
      entry.timestampNs = BigInt(line.seconds) * 1_000_000_000n + BigInt(line.nanos)
      this.#lastTimes.note(entry.labels.text, entry.timestampNs)
    } else this.#lastTimes.apply(entry)
    entry.lineBytes = line.content.subarray(line.contentStart, line.contentEnd)
    extracted.set('content', entry.line)
    if (line.isPartial) this.joiner.keep(entry, next)
    else this.joiner.complete(entry, next)
  }

  open(origin: LineOrigin, labels: LabelState, sink: LineSink): LineConsumer {
    const line = this.#line
    const joiner = this.joiner
    const byStream = labelsByStream(labels)
    const out = emptySinkLine(origin, labels)
    return {
      consume: (bytes, start, end, offset) => {
        const isCri = line.read(bytes, start, end)
        out.labels = isCri ? byStream[line.stream] : labels
        out.bytes = isCri ? line.content : bytes
        out.start = isCri ? line.contentStart : start
        out.end = isCri ? line.contentEnd : end
        out.startOffset = offset
        if (isCri && line.hasTime) {
          out.seconds = line.seconds
          out.nanos = line.nanos
        } else this.#setTime(out, isCri)
        if (isCri) this.#noteTime(out)
        if (!isCri) sink.add(out)
        else if (line.isPartial) joiner.keepBytes(out, sink)
        else if (joiner.isEmpty) sink.add(out)
        else joiner.completeBytes(out, sink)
      },
    }
  }

  /** Last time of each stream, as numbers so that the byte path creates no bigint. */
  readonly #streamTimes = new WeakMap<LabelState, { seconds: number; nanos: number }>()

  #noteTime(line: SinkLine): void {
    const known = this.#streamTimes.get(line.labels)
    if (known) {
      known.seconds = line.seconds
      known.nanos = line.nanos
    } else this.#streamTimes.set(line.labels, { seconds: line.seconds, nanos: line.nanos })
  }

  #setTime(line: SinkLine, isCri: boolean): void {
    const { origin, startOffset } = line
    const last = isCri ? this.#streamTimes.get(line.labels) : undefined
    const timestampNs = last
      ? origin.pinTimeNs(
          startOffset,
          BigInt(last.seconds) * 1_000_000_000n + BigInt(last.nanos + 1),
        )
      : origin.readTimeNs(startOffset)
    Object.assign(line, splitTimestamp(timestampNs))
  }
}
