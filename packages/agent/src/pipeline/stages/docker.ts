// The docker stage: extracts the text from a line of Docker's json-file driver, and sets label `stream` and
// the time. Ignores its body, like Promtail. Keeps the text's final line feed; a record without one is a
// part that continues in the stream's next record, because Docker splits lines at 16 KiB.

import { parseRfc3339 } from '@skald/go-dialect'
import { dockerPartIdleMs, partialLinesMax } from '../../limits.ts'
import type { LabelState } from '../../line/label-state.ts'
import type { LineOrigin } from '../../line/line-origin.ts'
import { emptySinkLine, type LineSink } from '../../line/line-sink.ts'
import { DockerLine } from '../docker-line.ts'
import type { PipelineEntry } from '../entry.ts'
import { LastTimes } from '../fudge.ts'
import { goJsonValue } from '../go-json.ts'
import { JoiningStage } from '../joining-stage.ts'
import { parseJsonObject } from '../json-object.ts'
import { type LineConsumer, Pipeline } from '../pipeline.ts'
import type { SplitTime } from '../rfc3339-bytes.ts'
import { labelsByStream } from '../runtime-line.ts'
import type { NextStage, StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'

const lineFeed = 0x0a

export const dockerStage: StageDefinition = {
  read: () => context => new DockerStage(context.nowMs),
}

/** Unpacks Docker's records. Works on entries or, if it is the only stage, on bytes. */
export class DockerStage extends JoiningStage {
  readonly #line = new DockerLine()
  readonly #lastTimes = new LastTimes()

  constructor(nowMs: () => number) {
    const joinedName = 'output'
    const limits = { partialLinesMax, truncateBytes: 0, idleMs: dockerPartIdleMs }
    super({ ...limits, joinedName, nowMs })
  }

  run(entry: PipelineEntry, next: NextStage): void {
    entry.refreshExtracted()
    const record = recordOf(entry.line)
    const { extracted } = entry
    if (record) {
      extracted.set('output', record.log)
      extracted.set('stream', record.stream)
      extracted.set('timestamp', record.time)
    }
    // If the line is not a record, values extracted earlier under these names count.
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
    // A line that is not a record is complete.
    if (!record || typeof record.log !== 'string') next(entry)
    else if (record.log.endsWith('\n')) this.joiner.complete(entry, next)
    else this.joiner.keep(entry, next)
  }

  open(origin: LineOrigin, labels: LabelState, sink: LineSink): LineConsumer {
    const line = this.#line
    const joiner = this.joiner
    const byStream = labelsByStream(labels)
    const slow = new Pipeline([{ run: (entry, next) => this.run(entry, next) }], sink)
    const slowConsumer = slow.open(origin, labels)
    const out = emptySinkLine(origin, labels)
    // Last time of each stream, for the slow path when a line may lack its own time.
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
        out.labels = byStream[line.stream]
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
        if (out.bytes[out.end - 1] !== lineFeed || out.end === out.start) {
          joiner.keepBytes(out, sink)
        } else if (joiner.isEmpty) sink.add(out)
        else joiner.completeBytes(out, sink)
      },
    }
  }
}

/** Reads a record. Returns `undefined` if the line is not one. */
function recordOf(line: string): { log: unknown; stream: unknown; time: unknown } | undefined {
  const object = parseJsonObject(line)
  if (!object) return undefined
  try {
    return {
      log: scalar(object.log),
      stream: scalar(object.stream),
      time: scalar(object.time),
    }
  } catch (error) {
    // Nested too deeply for the stack.
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** Turns objects and lists into JSON text, and a missing value into null. */
function scalar(value: unknown): unknown {
  if (value === undefined) return null
  return typeof value === 'object' && value !== null ? goJsonValue(value) : value
}
