// Assembles the lines of a container. Docker splits lines longer than 16 KiB into parts, and writes both
// streams, each with its own labels, into one log.

import { containerLineBytesMax } from '../limits.ts'
import type { LabelState } from '../line/label-state.ts'
import type { HeldLine, LineOrigin } from '../line/line-origin.ts'
import { PipelineEntry } from './entry.ts'
import type { Pipeline } from './pipeline.ts'

export type ContainerStreamName = 'stdout' | 'stderr'

/** One write by Docker: a line with its line feed, or a part without. */
export interface LinePart {
  readonly stream: ContainerStreamName
  readonly timestampNs: bigint
  /** Valid until `add` returns. */
  readonly bytes: Buffer
  /** Its offset in the log. */
  readonly offset: number
}

interface Pending extends HeldLine {
  readonly timestampNs: bigint
  readonly parts: Buffer[]
  byteLength: number
  lastOffset: number
}

const lineFeed = 0x0a
const carriageReturn = 0x0d

/** Labels of a container's streams. A stream without labels is not read. */
export type StreamLabels = Readonly<Record<ContainerStreamName, LabelState | undefined>>

/** Takes the parts of one log. */
export class ContainerLines {
  readonly #origin: LineOrigin
  readonly #pipeline: Pipeline
  readonly #labels: StreamLabels
  readonly #onEntry: () => void
  readonly #pending = new Map<ContainerStreamName, Pending>()

  constructor(options: {
    readonly origin: LineOrigin
    readonly pipeline: Pipeline
    readonly labels: StreamLabels
    readonly onEntry: () => void
  }) {
    this.#origin = options.origin
    this.#pipeline = options.pipeline
    this.#labels = options.labels
    this.#onEntry = options.onEntry
  }

  add({ stream, timestampNs, bytes, offset }: LinePart): void {
    const isEnd = bytes.length > 0 && bytes[bytes.length - 1] === lineFeed
    const pending = this.#pending.get(stream)
    if (isEnd && !pending) {
      this.#send(stream, { startOffset: offset, timestampNs, bytes })
      return
    }
    // Copy, because it outlives this call.
    const part = Buffer.from(bytes)
    if (pending) {
      pending.parts.push(part)
      pending.byteLength += part.length
      pending.lastOffset = offset
    } else this.#keep(stream, { timestampNs, part, offset })
    const { byteLength } = this.#pending.get(stream)!
    if (isEnd || byteLength >= containerLineBytesMax) this.#flush(stream)
  }

  #keep(
    stream: ContainerStreamName,
    first: { readonly timestampNs: bigint; readonly part: Buffer; readonly offset: number },
  ): void {
    const { timestampNs, part, offset } = first
    const pending: Pending = {
      ...{ startOffset: offset, lastOffset: offset, timestampNs },
      ...{ parts: [part], byteLength: part.length },
    }
    this.#pending.set(stream, pending)
    this.#origin.held.add(pending)
  }

  #flush(stream: ContainerStreamName): void {
    const pending = this.#pending.get(stream)
    if (!pending) return
    this.#pending.delete(stream)
    const { startOffset, lastOffset, timestampNs, parts } = pending
    if (lastOffset > startOffset) this.#origin.addSpan(startOffset, lastOffset)
    this.#send(stream, { startOffset, timestampNs, bytes: Buffer.concat(parts) })
    this.#origin.held.delete(pending)
  }

  #send(
    stream: ContainerStreamName,
    line: { readonly startOffset: number; readonly timestampNs: bigint; readonly bytes: Buffer },
  ): void {
    const labels = this.#labels[stream]
    if (!labels) return
    const { bytes, startOffset, timestampNs } = line
    let end = bytes.length
    if (end > 0 && bytes[end - 1] === lineFeed) end--
    if (end > 0 && bytes[end - 1] === carriageReturn) end--
    const place = { origin: this.#origin, startOffset }
    const entry = new PipelineEntry(place, labels, bytes.subarray(0, end))
    entry.timestampNs = timestampNs
    this.#pipeline.take(entry)
    this.#onEntry()
  }

  /** Time of the oldest line still waiting for its end. */
  get pendingTimeNs(): bigint | undefined {
    let oldest: bigint | undefined
    for (const { timestampNs } of this.#pending.values()) {
      if (oldest === undefined || timestampNs < oldest) oldest = timestampNs
    }
    return oldest
  }

  /** Passes on unfinished lines at the end of the log. */
  finish(): void {
    for (const stream of [...this.#pending.keys()]) this.#flush(stream)
  }
}
