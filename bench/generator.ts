// The workload: an hour of a small cluster's logs, generated from a seed. The same seed, size and
// start give the same bytes on every machine. Generating 335 MB takes a few seconds.

import { snappyCompress } from '@skald/wire'
import { ByteWriter } from './byte-writer.ts'
import { type LineKind, type LineTime, lineKinds } from './lines.ts'
import { PushBodyWriter } from './push-body.ts'
import { Random } from './random.ts'
import { type BenchStream, createStreams } from './streams.ts'
import { TraceIds } from './trace-ids.ts'

/** Describes the workload to generate. */
export interface WorkloadOptions {
  readonly seed: number
  /** Bytes of lines, in units of 10^6. */
  readonly megabytes: number
  /** Time of the first line. The last one is an hour later. */
  readonly startMs: number
  /** Gives each entry structured metadata with a trace id, and streams the labels of a collector. */
  readonly isTraced?: boolean
}

/** An hour of logs: what is in it. */
export interface WorkloadSummary {
  readonly options: WorkloadOptions
  readonly streams: readonly BenchStream[]
  /** Bytes of all lines without line endings. */
  readonly lineBytes: number
  readonly lineCount: number
  readonly byKind: Readonly<Record<LineKind, LineTotals>>
  /** A text that occurs in one line, a little after the middle of the hour. */
  readonly needle: string
  /** Trace id of that line's entry. Empty unless the load is traced. */
  readonly needleTraceId: string
  readonly endMs: number
}

/** An hour of logs in memory: pushes to send, and the plain bytes for measuring the limits. */
export interface Workload extends WorkloadSummary {
  readonly bodies: readonly Buffer[]
  readonly pieces: readonly Buffer[]
}

/** Takes the parts of a workload as they are generated. */
export interface WorkloadSink {
  /** Takes a push request: protobuf in snappy block format, about 1 MB of lines. They are in time order. */
  takeBody(body: Buffer): void
  /** Takes about 1 MB of the same lines, of one stream, each with a line ending. */
  takePiece(piece: Buffer): void
}

/** Value of the label `cluster` of a traced load's streams. */
export const tracedCluster = 'traced'

/** Totals of some of the lines. */
export interface LineTotals {
  readonly lineBytes: number
  readonly lineCount: number
}

/** Maximum line bytes of one push, and of one piece. */
const batchBytesMax = 1_000_000
const hourMs = 3_600_000
/** Position of the needle within the hour. */
const needlePosition = 0.58

/** Generates the workload of a seed in memory. */
export function createWorkload(options: WorkloadOptions): Workload {
  const bodies: Buffer[] = []
  const pieces: Buffer[] = []
  const summary = generateWorkload(options, {
    takeBody: body => bodies.push(body),
    takePiece: piece => pieces.push(piece),
  })
  return { ...summary, bodies, pieces }
}

/** Generates the workload of a seed, and holds no more than a few of its parts in memory. */
export function generateWorkload(options: WorkloadOptions, sink: WorkloadSink): WorkloadSummary {
  const random = new Random(options.seed)
  const streams = createStreams(random, options.isTraced ? tracedCluster : undefined)
  const trace = options.isTraced ? new TraceIds(options.seed) : undefined
  const draw = createStreamTable(streams)
  const targetBytes = options.megabytes * 1e6
  const needle = `order-${random.uint32()}-never-shipped`
  const push = new PushBodyWriter(streams.map(stream => stream.labelsText))
  const columns = streams.map(() => new ByteWriter(batchBytesMax + 65_536))
  const line = new ByteWriter(65_536)
  const clock = new LineClock(options.startMs)
  let lineBytes = 0
  let lineCount = 0
  let needleLeft = true
  let needleTraceId = ''
  const byKind = {
    json: { lineBytes: 0, lineCount: 0 },
    logfmt: { lineBytes: 0, lineCount: 0 },
    nginx: { lineBytes: 0, lineCount: 0 },
    java: { lineBytes: 0, lineCount: 0 },
  }

  while (lineBytes < targetBytes) {
    const index = draw[random.below(draw.length)]!
    const { kind } = streams[index]!
    line.clear()
    clock.move((lineBytes / targetBytes) * hourMs)
    lineKinds[kind](line, random, clock)
    trace?.next()
    if (needleLeft && kind === 'json' && lineBytes >= targetBytes * needlePosition) {
      // Inside the JSON object, in place of its closing brace.
      line.length--
      line.ascii(',"note":"').ascii(needle).ascii('"}')
      needleLeft = false
      needleTraceId = trace?.traceId ?? ''
    }
    // Container runtimes write times in nanoseconds, whose digits below a microsecond are noise.
    const time = { seconds: clock.seconds, nanos: clock.nanos + random.below(1000) }
    push.add(index, time, line, trace?.fields)
    const column = columns[index]!
    column.raw(line.bytes, line.length).byte(10)
    if (column.length >= batchBytesMax) flush(column, sink)
    lineBytes += line.length
    lineCount++
    byKind[kind].lineBytes += line.length
    byKind[kind].lineCount++
    if (push.lineBytes >= batchBytesMax) flushPush(push, sink)
  }
  if (push.lineBytes > 0) flushPush(push, sink)
  for (const column of columns) if (column.length > 0) flush(column, sink)
  const endMs = options.startMs + hourMs
  return { options, streams, lineBytes, lineCount, byKind, needle, needleTraceId, endMs }
}

function flush(column: ByteWriter, sink: WorkloadSink): void {
  sink.takePiece(column.copy())
  column.clear()
}

function flushPush(push: PushBodyWriter, sink: WorkloadSink): void {
  sink.takeBody(Buffer.from(snappyCompress(push.take())))
}

/** Builds a table with each stream as often as its weight requires, to draw from uniformly. */
function createStreamTable(streams: readonly BenchStream[]): number[] {
  const total = streams.reduce((sum, stream) => sum + stream.weight, 0)
  return streams.flatMap((stream, index) =>
    new Array<number>(Math.max(1, Math.round((stream.weight / total) * 5000))).fill(index),
  )
}

/** The time of the current line. Its texts are rebuilt only when the second changes. */
class LineClock implements LineTime {
  readonly #startMs: number
  iso = ''
  spaced = ''
  clf = ''
  ms = 0
  us = 0
  seconds = -1
  nanos = 0

  constructor(startMs: number) {
    this.#startMs = startMs
  }

  move(offsetMs: number): void {
    const wholeMs = Math.floor(offsetMs)
    const timeMs = this.#startMs + wholeMs
    const seconds = Math.floor(timeMs / 1000)
    this.ms = timeMs - seconds * 1000
    this.us = Math.floor((offsetMs - wholeMs) * 1000)
    this.nanos = this.ms * 1_000_000 + this.us * 1000
    if (seconds === this.seconds) return
    this.seconds = seconds
    this.iso = new Date(seconds * 1000).toISOString().slice(0, 19)
    this.spaced = this.iso.replace('T', ' ')
    const [year, month, day] = this.iso.slice(0, 10).split('-')
    this.clf = `${day}/${months[Number(month) - 1]}/${year}:${this.iso.slice(11)} +0000`
  }
}

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
