// The path of a source's lines into the pipelines. Relabels them, gives each client a copy, and makes the
// source wait while there is no room.

import { type RelabelRule, relabel } from '@skald/config-reading/relabel'
import { sourceLabelSetsMax, sourceTickMs } from '../limits.ts'
import { LabelState } from '../line/label-state.ts'
import { LineOrigin } from '../line/line-origin.ts'
import { PipelineEntry } from '../pipeline/entry.ts'
import type { Pipeline } from '../pipeline/pipeline.ts'

/** The pipeline of one job for one client. */
export interface InletLane {
  readonly pipeline: Pipeline
  /** Returns true if lines may come now. */
  readonly mayTake: () => boolean
  /** Counts a line that this client had no room for while others did. */
  readonly countMissed: (labels: LabelState, line: Buffer | string) => void
}

/** A line of a source. */
export interface SourceLine {
  /** Labels before relabelling, including those that start with `__`. */
  readonly labels: ReadonlyMap<string, string>
  readonly line: Buffer | string
  /** Defaults to the time of arrival. */
  readonly timestampNs?: bigint | undefined
  readonly metadata?: readonly { readonly name: string; readonly value: string }[] | undefined
  /** True if the labels are final and no rule applies. */
  readonly isFinal?: boolean
}

/** Takes the lines of one source. */
export class Inlet {
  readonly #lanes: readonly InletLane[]
  readonly #rules: readonly RelabelRule[]
  readonly #allocateNs: () => bigint
  readonly #nowMs: () => number
  /** One state for each client, in which its sender keeps its own data. */
  readonly #states = new Map<string, readonly LabelState[]>()
  readonly #timer: NodeJS.Timeout
  readonly #waiting: (() => void)[] = []
  #isReleased = false
  /** The flow of lines that belong to no other flow. */
  readonly flow: Flow

  constructor(options: {
    readonly jobName: string
    readonly lanes: readonly InletLane[]
    readonly rules: readonly RelabelRule[]
    /** Returns a time for a line that has none. Never returns the same time twice. */
    readonly allocateNs: () => bigint
    readonly nowMs: () => number
  }) {
    this.#lanes = options.lanes
    this.#rules = options.rules
    this.#allocateNs = options.allocateNs
    this.#nowMs = options.nowMs
    this.flow = this.openFlow(options.jobName)
    this.#timer = setInterval(() => this.#tick(), sourceTickMs)
  }

  #tick(): void {
    for (const { pipeline } of this.#lanes) pipeline.tick(this.#nowMs())
    if (this.hasRoom) for (const goOn of this.#waiting.splice(0)) goOn()
  }

  /** Returns true if a rule may use a label, so that finding its value is worth the effort. */
  isAskedFor(name: string): boolean {
    return this.#rules.some(
      ({ action, sourceLabels }) => action === 'labelmap' || sourceLabels.includes(name),
    )
  }

  /** True if at least one client accepts lines now. */
  get hasRoom(): boolean {
    return this.#lanes.some(lane => this.#mayTake(lane, this.flow))
  }

  #mayTake(lane: InletLane, flow: Flow): boolean {
    return lane.mayTake() && !flow.originOf(lane).isHeldUp
  }

  /** Resolves when at least one client accepts lines, or the source is being stopped. */
  async room(): Promise<void> {
    while (!this.hasRoom && !this.#isReleased)
      await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  /** Releases everybody who waits, because the source is being stopped. */
  release(): void {
    this.#isReleased = true
    for (const goOn of this.#waiting.splice(0)) goOn()
  }

  /** Opens a flow of lines that is settled separately, such as the lines of one request. */
  openFlow(name: string): Flow {
    return new Flow(name, this.#lanes, () => this.#allocateNs())
  }

  /** Takes a line. Returns true if relabelling kept it, with labels left. */
  add(line: SourceLine, flow: Flow = this.flow): boolean {
    const states = line.isFinal ? this.#createStates(line.labels) : this.#statesOf(line.labels)
    if (!states) {
      flow.pass()
      return false
    }
    // If nobody has room, the source did not wait: all clients take the line.
    const takesAll = !this.#lanes.some(lane => this.#mayTake(lane, flow))
    flow.begin(line.timestampNs)
    for (const [i, lane] of this.#lanes.entries()) {
      if (!takesAll && !this.#mayTake(lane, flow)) {
        lane.countMissed(states[i]!, line.line)
        continue
      }
      const place = { origin: flow.originOf(lane), startOffset: flow.sequence }
      const entry = new PipelineEntry(place, states[i]!, line.line)
      if (line.timestampNs !== undefined) entry.timestampNs = line.timestampNs
      if (line.metadata) entry.structuredMetadata.push(...line.metadata)
      lane.pipeline.take(entry)
    }
    flow.end()
    return true
  }

  #createStates(labels: ReadonlyMap<string, string>): readonly LabelState[] {
    return this.#lanes.map(() => new LabelState(labels))
  }

  /** Relabels labels. Returns the same objects for the same result. */
  #statesOf(labels: ReadonlyMap<string, string>): readonly LabelState[] | undefined {
    const visible = [...(relabel(labels, this.#rules) ?? [])].filter(
      ([name]) => !name.startsWith('__') || name === '__tenant_id__',
    )
    if (visible.length === 0) return undefined
    const key = visible.map(pair => pair.join('\u0001')).join('\u0000')
    let states = this.#states.get(key)
    if (states) return states
    if (this.#states.size >= sourceLabelSetsMax) this.#states.clear()
    states = this.#createStates(new Map(visible))
    this.#states.set(key, states)
    return states
  }

  /** Passes on what stages hold of a flow that has ended. */
  finish(flow: Flow = this.flow): void {
    for (const lane of this.#lanes) lane.pipeline.finish(flow.originOf(lane))
  }

  /** Ends the flow of a source that has ended. */
  close(): void {
    clearInterval(this.#timer)
    this.finish()
    this.release()
  }
}

/** A sequence of lines, counted from 0, and how many of them each client's server has accepted. */
export class Flow {
  readonly #origins = new Map<InletLane, LineOrigin>()
  #sequence = 0
  #timeNs = 0n

  constructor(name: string, lanes: readonly InletLane[], allocateNs: () => bigint) {
    this.#allocateNs = allocateNs
    const readTime = (sequence: number) =>
      sequence === this.#sequence && this.#timeNs > 0n ? this.#timeNs : allocateNs()
    for (const lane of lanes) this.#origins.set(lane, new LineOrigin({ name, readTime }))
  }

  readonly #allocateNs: () => bigint

  originOf(lane: InletLane): LineOrigin {
    return this.#origins.get(lane)!
  }

  /** Number of the current line, or of the next one. */
  get sequence(): number {
    return this.#sequence
  }

  /** Begins a line. All clients see it at the same time. */
  begin(timestampNs: bigint | undefined): void {
    this.#timeNs = timestampNs ?? this.#allocateNs()
  }

  end(): void {
    this.#sequence++
    this.#timeNs = 0n
  }

  /** Counts a line that was dropped before any pipeline. */
  pass(): void {
    this.#sequence++
  }

  /** Number of the first line that some client has not yet settled. */
  get settledSequence(): number {
    let least = this.#sequence
    for (const origin of this.#origins.values()) {
      least = Math.min(least, origin.settledOffset(this.#sequence))
    }
    return least
  }

  /** True if at least one client's server has accepted all lines. */
  get isTaken(): boolean {
    for (const origin of this.#origins.values()) {
      if (origin.settledOffset(this.#sequence) >= this.#sequence) return true
    }
    return false
  }

  /** Sets the callback for each time lines are settled. */
  set onProgress(tell: (() => void) | undefined) {
    for (const origin of this.#origins.values()) origin.onProgress = tell
  }
}
