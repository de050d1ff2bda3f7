// Runs the lines of files through a job's stages and passes the results to a sink. A pipeline with a
// container stage as its only stage works on bytes and never creates an entry.

import { nsPerSecond } from '@skald/go-dialect'
import type { LabelState } from '../line/label-state.ts'
import type { LineOrigin } from '../line/line-origin.ts'
import type { LineSink } from '../line/line-sink.ts'
import { PipelineEntry } from './entry.ts'
import type { NextStage, Stage } from './stage.ts'

/** Takes the lines of one file. */
export interface LineConsumer {
  /** Takes the line `bytes[start .. end)`, which starts at `offset` in the file. */
  consume(bytes: Buffer, start: number, end: number, offset: number): void
  /**
   * Keeps a carriage return before the line feed as part of the line: container runtimes end lines with a
   * line feed alone.
   */
  readonly keepsReturns?: boolean
}

/** A stage that works on bytes if it is the only one. */
export interface ByteStage extends Stage {
  open(origin: LineOrigin, labels: LabelState, sink: LineSink): LineConsumer
  /** Passes on what it holds of a file that has ended. */
  finishBytes(origin: LineOrigin, sink: LineSink): void
  tickBytes(nowMs: number, sink: LineSink): void
}

function isByteStage(stage: Stage | undefined): stage is ByteStage {
  return stage !== undefined && 'open' in stage
}

/** The stages of one job, in order. */
export class Pipeline {
  readonly #stages: readonly Stage[]
  readonly #sink: LineSink
  readonly #byteStage: ByteStage | undefined
  /** Entry points: `#steps[i]` runs stage i and all later ones. The last one is the sink. */
  readonly #steps: readonly NextStage[]

  /** @param options `takesEntries` if lines come through `take`. */
  constructor(
    stages: readonly Stage[],
    sink: LineSink,
    { takesEntries = false }: { readonly takesEntries?: boolean } = {},
  ) {
    this.#stages = stages
    this.#sink = sink
    const isOfBytes = !takesEntries && stages.length === 1 && isByteStage(stages[0])
    this.#byteStage = isOfBytes ? (stages[0] as ByteStage) : undefined
    this.#steps = chainStages(stages, entry => this.#send(entry))
  }

  /** Makes the consumer of one file's lines. */
  open(origin: LineOrigin, labels: LabelState): LineConsumer {
    const keepsReturns = isByteStage(this.#stages[0])
    if (this.#byteStage) {
      return { ...this.#byteStage.open(origin, labels, this.#sink), keepsReturns }
    }
    const first = this.#steps[0]!
    return {
      keepsReturns,
      consume: (bytes, start, end, startOffset) =>
        first(new PipelineEntry({ origin, startOffset }, labels, bytes.subarray(start, end))),
    }
  }

  /** Runs an entry made elsewhere through the stages. */
  take(entry: PipelineEntry): void {
    this.#steps[0]!(entry)
  }

  /** Passes on what stages hold of a file that has ended. */
  finish(origin: LineOrigin): void {
    if (this.#byteStage) {
      this.#byteStage.finishBytes(origin, this.#sink)
      return
    }
    for (const [i, stage] of this.#stages.entries()) stage.finish?.(origin, this.#steps[i + 1]!)
  }

  /** Passes on what stages have held long enough. */
  tick(nowMs: number): void {
    if (this.#byteStage) {
      this.#byteStage.tickBytes(nowMs, this.#sink)
      return
    }
    for (const [i, stage] of this.#stages.entries()) stage.tick?.(nowMs, this.#steps[i + 1]!)
  }

  /** Returns the time until which no line should be read; 0 for none. */
  pausedUntilMs(nowMs: number): number {
    let until = 0
    for (const stage of this.#stages) {
      if (stage.pausedUntilMs) until = Math.max(until, stage.pausedUntilMs(nowMs))
    }
    return until
  }

  get canPause(): boolean {
    return this.#stages.some(stage => stage.pausedUntilMs !== undefined)
  }

  close(): void {
    for (const stage of this.#stages) stage.close?.()
  }

  #send(entry: PipelineEntry): void {
    const bytes = entry.lineBytes
    const { seconds, nanos } = splitTimestamp(entry.timestampNs)
    this.#sink.add({
      labels: entry.labels,
      seconds,
      nanos,
      bytes,
      start: 0,
      end: bytes.length,
      origin: entry.origin,
      startOffset: entry.startOffset,
      earlier: entry.earlier,
      metadata: entry.structuredMetadata.length > 0 ? entry.structuredMetadata : undefined,
    })
  }
}

/** Links stages. Element i of the result runs stage i and all later ones; the last element is `end`. */
export function chainStages(stages: readonly Stage[], end: NextStage): NextStage[] {
  const steps: NextStage[] = [end]
  for (let i = stages.length - 1; i >= 0; i--) {
    const stage = stages[i]!
    const next = steps[0]!
    steps.unshift(entry => stage.run(entry, next))
  }
  return steps
}

/** Splits nanoseconds into whole seconds, rounded down, and the remaining nanoseconds. */
export function splitTimestamp(timestampNs: bigint): { seconds: number; nanos: number } {
  let nanos = timestampNs % nsPerSecond
  if (nanos < 0n) nanos += nsPerSecond
  return { seconds: Number((timestampNs - nanos) / nsPerSecond), nanos: Number(nanos) }
}
