// The cri stage: takes the prefix of a CRI line off, sets label `stream` and the time, and joins the
// parts of long lines, each stream of each file on its own.

import { readLooseBoolean, readLooseCount } from '../../config/readers.ts'
import { CriLine, type RuntimeLine } from '../cri-line.ts'
import type { LinePlace, PipelineEntry } from '../entry.ts'
import { LastTimes } from '../fudge.ts'
import type { LabelState } from '../label-state.ts'
import type { LineOrigin } from '../line-origin.ts'
import { type ByteStage, type LineConsumer, splitTimestamp } from '../pipeline.ts'
import { emptySinkLine, type LineSink, type SinkLine } from '../sink-line.ts'
import type { NextStage, StageDefinition } from '../stage.ts'

// A stream with an unfinished line: as many at once as Promtail allows.
export const partialLinesMax = 100
// An unfinished line is complete when nothing followed for so long: runtimes write the last words of
// a program without a line feed as a part that nothing follows.
const partialIdleMs = 10_000
// An unfinished line is sent when its parts reach this size, so that memory stays bounded.
const partialBytesMax = 16 * 1024 * 1024

/** Limits of joining. */
export interface CriOptions {
  readonly partialLinesMax: number
  /** Bytes to cut joined lines to, 0 for whole lines. */
  readonly truncateBytes: number
}

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

/** Parts of a line that wait for the last one. */
interface PendingLine extends LinePlace {
  readonly labels: LabelState
  readonly parts: Buffer[]
  byteLength: number
  lastOrigin: LineOrigin
  lastOffset: number
  seconds: number
  nanos: number
  touchedMs: number
  /** The entry of the last part, where entries are made. */
  entry: PipelineEntry | undefined
}

/** Joins the parts of CRI lines; works on entries and, where it is the only stage, on bytes. */
export class CriStage implements ByteStage {
  readonly #options: CriOptions
  readonly #nowMs: () => number
  readonly #line: RuntimeLine
  readonly #pending = new Map<string, PendingLine>()
  readonly #lastTimes = new LastTimes()

  constructor(options: CriOptions, line: RuntimeLine, nowMs: () => number) {
    this.#options = options
    this.#line = line
    this.#nowMs = nowMs
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
    const text = entry.labels.text
    if (line.isPartial) {
      this.#makeRoom(pending => this.#release(pending, next))
      const { seconds, nanos } = splitTimestamp(entry.timestampNs)
      const { labels, origin, startOffset } = entry
      const time = { seconds, nanos }
      const kept = this.#keep({
        labels,
        origin,
        startOffset,
        time,
        content: entry.lineBytes,
        entry,
      })
      if (kept.byteLength > partialBytesMax) this.#release(kept, next)
      return
    }
    const pending = this.#pending.get(text)
    if (!pending) {
      next(entry)
      return
    }
    this.#forget(pending)
    pending.parts.push(entry.lineBytes)
    pending.lastOrigin = entry.origin
    entry.lineBytes = this.#join(pending)
    takePlace(entry, pending)
    next(entry)
  }

  open(origin: LineOrigin, labels: LabelState, sink: LineSink): LineConsumer {
    const line = this.#line
    const stdout = labels.with('stream', 'stdout')
    const stderr = labels.with('stream', 'stderr')
    const out = emptySinkLine(origin, labels)
    return {
      consume: (bytes, start, end, offset) => {
        const isCri = line.read(bytes, start, end)
        out.labels = isCri ? (line.stream === 'stdout' ? stdout : stderr) : labels
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
        else if (line.isPartial) this.#keepBytes(out, sink)
        else if (this.#pending.size === 0) sink.add(out)
        else this.#addJoined(out, sink)
      },
    }
  }

  finish(origin: LineOrigin, next: NextStage): void {
    for (const pending of this.#pendingOf(origin)) this.#release(pending, next)
  }

  finishBytes(origin: LineOrigin, sink: LineSink): void {
    for (const pending of this.#pendingOf(origin)) this.#send(pending, sink)
  }

  tick(nowMs: number, next: NextStage): void {
    for (const pending of this.#idle(nowMs)) this.#release(pending, next)
  }

  tickBytes(nowMs: number, sink: LineSink): void {
    for (const pending of this.#idle(nowMs)) this.#send(pending, sink)
  }

  #pendingOf(origin: LineOrigin): PendingLine[] {
    return [...this.#pending.values()].filter(pending => pending.lastOrigin === origin)
  }

  #idle(nowMs: number): PendingLine[] {
    return [...this.#pending.values()].filter(pending => nowMs - pending.touchedMs >= partialIdleMs)
  }

  /** Last time per stream; kept as numbers so that the byte path makes no bigint. */
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

  #keepBytes(line: SinkLine, sink: LineSink): void {
    this.#makeRoom(pending => this.#send(pending, sink))
    const { labels, origin, startOffset, bytes, start, end } = line
    const time = { seconds: line.seconds, nanos: line.nanos }
    const content = (bytes as Buffer).subarray(start, end)
    const kept = this.#keep({ labels, origin, startOffset, time, content, entry: undefined })
    if (kept.byteLength > partialBytesMax) this.#send(kept, sink)
  }

  #addJoined(line: SinkLine, sink: LineSink): void {
    const pending = this.#pending.get(line.labels.text)
    if (!pending) {
      sink.add(line)
      return
    }
    this.#forget(pending)
    pending.parts.push((line.bytes as Buffer).subarray(line.start, line.end))
    const bytes = this.#join(pending)
    const isSameFile = pending.origin === line.origin
    if (isSameFile) line.origin.addSpan(pending.startOffset, line.startOffset)
    sink.add({
      ...line,
      bytes,
      start: 0,
      end: bytes.length,
      startOffset: isSameFile ? pending.startOffset : line.startOffset,
      earlier: isSameFile ? undefined : pending,
    })
  }

  /** Keeps a part; the bytes are copied. */
  #keep(part: {
    readonly labels: LabelState
    readonly origin: LineOrigin
    readonly startOffset: number
    readonly time: { readonly seconds: number; readonly nanos: number }
    readonly content: Buffer
    readonly entry: PipelineEntry | undefined
  }): PendingLine {
    const { labels, origin, time, entry } = part
    const content = Buffer.from(part.content)
    let pending = this.#pending.get(labels.text)
    if (!pending) {
      const { startOffset } = part
      pending = {
        ...{ labels, origin, startOffset, parts: [], byteLength: 0, touchedMs: 0, entry },
        ...{ lastOrigin: origin, lastOffset: startOffset, ...time },
      }
      this.#pending.set(labels.text, pending)
      origin.held.add(pending)
    }
    pending.parts.push(content)
    pending.byteLength += content.length
    pending.lastOrigin = origin
    pending.lastOffset = part.startOffset
    pending.seconds = time.seconds
    pending.nanos = time.nanos
    pending.touchedMs = this.#nowMs()
    pending.entry = entry
    return pending
  }

  /** When the limit on streams with an unfinished line is reached, all of them leave as they are. */
  #makeRoom(send: (pending: PendingLine) => void): void {
    if (this.#pending.size < this.#options.partialLinesMax) return
    for (const pending of [...this.#pending.values()]) send(pending)
  }

  #forget(pending: PendingLine): void {
    this.#pending.delete(pending.labels.text)
    pending.origin.held.delete(pending)
  }

  #join(pending: PendingLine): Buffer {
    const bytes = Buffer.concat(pending.parts)
    const { truncateBytes } = this.#options
    return truncateBytes > 0 ? bytes.subarray(0, truncateBytes) : bytes
  }

  #release(pending: PendingLine, next: NextStage): void {
    this.#forget(pending)
    const entry = pending.entry!
    entry.lineBytes = this.#join(pending)
    takePlace(entry, pending)
    next(entry)
  }

  #send(pending: PendingLine, sink: LineSink): void {
    this.#forget(pending)
    const bytes = this.#join(pending)
    const { labels, seconds, nanos, lastOrigin, lastOffset } = pending
    const isSameFile = pending.origin === lastOrigin
    if (isSameFile && lastOffset > pending.startOffset) {
      lastOrigin.addSpan(pending.startOffset, lastOffset)
    }
    sink.add({
      ...{ labels, seconds, nanos, bytes, start: 0, end: bytes.length, metadata: undefined },
      origin: lastOrigin,
      startOffset: isSameFile ? pending.startOffset : lastOffset,
      earlier: isSameFile ? undefined : pending,
    })
  }
}

/** Gives a joined entry the place of its first part. */
function takePlace(entry: PipelineEntry, first: LinePlace): void {
  if (first.origin !== entry.origin) {
    entry.earlier = first
    return
  }
  entry.origin.addSpan(first.startOffset, entry.startOffset)
  entry.startOffset = first.startOffset
}
