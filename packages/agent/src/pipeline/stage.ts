// The interface of a pipeline stage. A stage is a file under stages/ with a reader of its configuration,
// which returns a factory, and the stage that the factory makes. A row in registry.ts adds it.

import type { ValueReader, YamlCursor } from '@skald/config-reading'
import type { Clocks } from '../clocks.ts'
import type { LineOrigin } from '../line/line-origin.ts'
import type { CustomMetrics } from '../metrics/custom-metrics.ts'
import type { PipelineEntry } from './entry.ts'

/** Passes an entry on to the next stage. */
export type NextStage = (entry: PipelineEntry) => void

/** One transformation of entries. It lives as long as its job. */
export interface Stage {
  /** Takes an entry. Calls `next` for each resulting entry, now or later. */
  run(entry: PipelineEntry, next: NextStage): void
  /** Passes on what it holds of a file that has ended. */
  finish?(origin: LineOrigin, next: NextStage): void
  /** Passes on what it has held long enough. Called a few times a second. */
  tick?(nowMs: number, next: NextStage): void
  /** Returns the time until which no further line may come; 0 for none. */
  pausedUntilMs?(nowMs: number): number
  close?(): void
}

/** What stages need from the agent. */
export interface StageContext extends Clocks {
  readonly jobName: string
  /** Counts a line that a stage drops for good. */
  readonly countDropped: (reason: string) => void
  /** Counts a dropped line for one value of a label. */
  readonly countDroppedByLabel: (labelName: string, labelValue: string) => void
  /** Registry for the metrics stage. */
  readonly customMetrics: CustomMetrics
  /** Wraps a stage so that it shows what it does. Absent without -inspect. */
  readonly inspect?: StageInspection | undefined
  readonly warn: (fields: object, message: string) => void
}

/** Wraps a stage so that it shows what it does. `name` is its kind. */
export type StageInspection = (name: string, stage: Stage) => Stage

/** Makes a stage. It cannot fail: everything was checked when the configuration was read. */
export type StageFactory = (context: StageContext) => Stage

/** Context for reading a stage's body. */
export interface StageReading {
  /** Reads nested stages. */
  readonly readStages: ValueReader<StageFactory[]>
  /** Environment, for templates. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A kind of stage, with the reader of its body. */
export interface StageDefinition {
  /** Reads the body. Reports problems at the cursor and returns `undefined` if the body is unusable. */
  readonly read: (body: YamlCursor, reading: StageReading) => StageFactory | undefined
}
