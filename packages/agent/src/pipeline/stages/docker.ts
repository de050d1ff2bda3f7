// The docker stage: takes the text out of a line of Docker's json-file driver, sets label `stream`
// and the time. Its body is ignored, as Promtail has it. Records are not joined, and the line feed at
// the end of the text stays.

import { parseRfc3339 } from '@skald/wire'
import { DockerLine } from '../docker-line.ts'
import type { PipelineEntry } from '../entry.ts'
import { LastTimes } from '../fudge.ts'
import type { LabelState } from '../label-state.ts'
import type { LineOrigin } from '../line-origin.ts'
import { type ByteStage, type LineConsumer, Pipeline } from '../pipeline.ts'
import type { SplitTime } from '../rfc3339-bytes.ts'
import { emptySinkLine, type LineSink } from '../sink-line.ts'
import type { NextStage, StageDefinition } from '../stage.ts'
import { parseJsonObject, valueText } from '../values.ts'

export const dockerStage: StageDefinition = {
  read: () => () => new DockerStage(),
}

/** Unpacks Docker's records; on entries and, where it is the only stage, on bytes. */
export class DockerStage implements ByteStage {
  readonly #line = new DockerLine()
  readonly #lastTimes = new LastTimes()

  run(entry: PipelineEntry, next: NextStage): void {
    entry.refreshExtracted()
    const record = parseJsonObject(entry.lineBytes.toString('utf8'))
    const { extracted } = entry
    if (record) {
      extracted.set('output', scalar(record.log))
      extracted.set('stream', scalar(record.stream))
      extracted.set('timestamp', scalar(record.time))
    }
    // Where the line is no record, what was extracted before under these names counts.
    const stream = valueText(extracted.get('stream'))
    if (stream !== undefined) entry.labels = entry.labels.with('stream', stream)
    const time = extracted.get('timestamp')
    const timestampNs = typeof time === 'string' ? parseRfc3339(time) : undefined
    if (timestampNs === undefined) this.#lastTimes.apply(entry)
    else {
      entry.timestampNs = timestampNs
      this.#lastTimes.note(entry.labels.text, timestampNs)
    }
    const output = valueText(extracted.get('output'))
    if (output !== undefined) entry.line = output
    next(entry)
  }

  open(origin: LineOrigin, labels: LabelState, sink: LineSink): LineConsumer {
    const line = this.#line
    const stdout = labels.with('stream', 'stdout')
    const stderr = labels.with('stream', 'stderr')
    const slow = new Pipeline([{ run: (entry, next) => this.run(entry, next) }], sink)
    const slowConsumer = slow.open(origin, labels)
    const out = emptySinkLine(origin, labels)
    // Last time of each stream, handed to the slow path before a line that may lack its own.
    const last = new Map<LabelState, SplitTime>()
    const noteLast = () => {
      for (const [state, { seconds, nanos }] of last) {
        this.#lastTimes.note(state.text, BigInt(seconds) * 1_000_000_000n + BigInt(nanos))
      }
      last.clear()
    }
    return {
      consume: (bytes, start, end, offset) => {
        if (!line.read(bytes, start, end)) {
          noteLast()
          slowConsumer.consume(bytes, start, end, offset)
          return
        }
        out.labels = line.stream === 'stdout' ? stdout : stderr
        const known = last.get(out.labels)
        if (known) {
          known.seconds = line.seconds
          known.nanos = line.nanos
        } else last.set(out.labels, { seconds: line.seconds, nanos: line.nanos })
        out.seconds = line.seconds
        out.nanos = line.nanos
        out.bytes = line.content
        out.start = line.contentStart
        out.end = line.contentEnd
        out.startOffset = offset
        sink.add(out)
      },
    }
  }

  finishBytes(): void {
    // Nothing is held.
  }

  tickBytes(): void {
    // Nothing is held.
  }
}

/** Objects and lists count as their JSON text, a missing value as null. */
function scalar(value: unknown): unknown {
  if (value === undefined) return null
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
}
