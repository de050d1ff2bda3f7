// Joins the parts of long lines, separately for each stream of each file: container runtimes split lines at
// 8 or 16 KiB. A part waits for the one that ends its line, within limits of count, size and time.

import { partialBytesMax } from '../limits.ts'
import type { LabelState } from '../line/label-state.ts'
import type { LineOrigin } from '../line/line-origin.ts'
import type { LineSink, SinkLine } from '../line/line-sink.ts'
import { type LinePlace, PipelineEntry } from './entry.ts'
import { splitTimestamp } from './pipeline.ts'
import type { NextStage } from './stage.ts'

/** Limits of joining. */
export interface JoinOptions {
  readonly partialLinesMax: number
  /** Bytes to cut joined lines to; 0 for no cut. */
  readonly truncateBytes: number
  /** An unfinished line counts as complete after this long without another part. */
  readonly idleMs: number
  /** Name of the extracted value that receives the joined line. */
  readonly joinedName?: string
  readonly nowMs: () => number
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
  /** The entry of the last part, if the stage works on entries. */
  entry: PipelineEntry | undefined
}

/** Joins parts, as entries or as bytes. */
export class PartJoiner {
  readonly #options: JoinOptions
  readonly #pending = new Map<string, PendingLine>()

  constructor(options: JoinOptions) {
    this.#options = options
  }

  /** True if nothing is waiting. */
  get isEmpty(): boolean {
    return this.#pending.size === 0
  }

  /** Keeps an entry whose line continues. */
  keep(entry: PipelineEntry, next: NextStage): void {
    this.#makeRoom(pending => this.#release(pending, next))
    const time = splitTimestamp(entry.timestampNs)
    const { labels, origin, startOffset, lineBytes: content } = entry
    const kept = this.#keep({ labels, origin, startOffset, time, content, entry })
    if (kept.byteLength > partialBytesMax) this.#release(kept, next)
  }

  /** Passes on an entry that ends its line, with the earlier parts. */
  complete(entry: PipelineEntry, next: NextStage): void {
    const pending = this.#pending.get(entry.labels.text)
    if (pending) {
      this.#forget(pending)
      pending.parts.push(entry.lineBytes)
      pending.lastOrigin = entry.origin
      this.#fill(entry, pending)
    }
    next(entry)
  }

  /** Keeps a line that continues. */
  keepBytes(line: SinkLine, sink: LineSink): void {
    this.#makeRoom(pending => this.#send(pending, sink))
    const { labels, origin, startOffset, bytes, start, end } = line
    const time = { seconds: line.seconds, nanos: line.nanos }
    const content = (bytes as Buffer).subarray(start, end)
    const kept = this.#keep({ labels, origin, startOffset, time, content, entry: undefined })
    if (kept.byteLength > partialBytesMax) this.#send(kept, sink)
  }

  /** Passes on a line that is complete, with its earlier parts. */
  completeBytes(line: SinkLine, sink: LineSink): void {
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

  /** Passes on the unfinished lines of a file that has ended. */
  finish(origin: LineOrigin, next: NextStage): void {
    for (const pending of this.#pendingOf(origin)) this.#release(pending, next)
  }

  /** Like `finish`, as bytes. */
  finishBytes(origin: LineOrigin, sink: LineSink): void {
    for (const pending of this.#pendingOf(origin)) this.#send(pending, sink)
  }

  /** Passes on lines that have waited long enough. */
  tick(nowMs: number, next: NextStage): void {
    for (const pending of this.#idle(nowMs)) this.#release(pending, next)
  }

  /** Like `tick`, as bytes. */
  tickBytes(nowMs: number, sink: LineSink): void {
    for (const pending of this.#idle(nowMs)) this.#send(pending, sink)
  }

  #pendingOf(origin: LineOrigin): PendingLine[] {
    return [...this.#pending.values()].filter(pending => pending.lastOrigin === origin)
  }

  #idle(nowMs: number): PendingLine[] {
    const { idleMs } = this.#options
    return [...this.#pending.values()].filter(pending => nowMs - pending.touchedMs >= idleMs)
  }

  /** Keeps a copy of a part. */
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
    pending.touchedMs = this.#options.nowMs()
    pending.entry = entry
    return pending
  }

  /** Passes on all unfinished lines once too many streams have one. */
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
    const entry = pending.entry ?? entryOf(pending)
    this.#fill(entry, pending)
    next(entry)
  }

  /** Sets an entry to the joined line, with the place of its first part. */
  #fill(entry: PipelineEntry, pending: PendingLine): void {
    const { joinedName } = this.#options
    entry.lineBytes = this.#join(pending)
    if (joinedName !== undefined) entry.extracted.set(joinedName, entry.line)
    takePlace(entry, pending)
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

/** Sets a joined entry to the place of its first part. */
function takePlace(entry: PipelineEntry, first: LinePlace): void {
  if (first.origin !== entry.origin) {
    entry.earlier = first
    return
  }
  entry.origin.addSpan(first.startOffset, entry.startOffset)
  entry.startOffset = first.startOffset
}

/** Makes an entry from parts that came as bytes. */
function entryOf({ lastOrigin, lastOffset, labels, seconds, nanos }: PendingLine): PipelineEntry {
  const entry = new PipelineEntry({ origin: lastOrigin, startOffset: lastOffset }, labels, '')
  entry.timestampNs = BigInt(seconds) * 1_000_000_000n + BigInt(nanos)
  return entry
}
