// What a pipeline stage is. A stage is one file under stages/: a reader of its configuration that
// gives a factory, and what the factory makes. It is added by a row in registry.ts.

import type { ValueReader, YamlCursor } from '../config-reading/yaml-cursor.ts'
import type { LineOrigin } from '../line/line-origin.ts'
import type { CustomMetrics } from '../metrics/custom-metrics.ts'
import type { PipelineEntry } from './entry.ts'

/** Passes an entry on to the next stage. */
export type NextStage = (entry: PipelineEntry) => void

/** One transformation of entries; lives as long as the job it belongs to. */
export interface Stage {
  /** Takes an entry in; calls `next` for each entry that goes on, now or later. */
  run(entry: PipelineEntry, next: NextStage): void
  /** Passes on what it holds of a file that has ended. */
  finish?(origin: LineOrigin, next: NextStage): void
  /** Passes on what is due by the clock; called a few times a second. */
  tick?(nowMs: number, next: NextStage): void
  /** Time until which no further line may come in, 0 for none. */
  pausedUntilMs?(nowMs: number): number
  close?(): void
}

/** What stages need from the agent around them. */
export interface StageContext {
  readonly jobName: string
  readonly nowMs: () => number
  /** Counts a line that a stage drops for good. */
  readonly countDropped: (reason: string) => void
  /** Counts a dropped line for one value of a label. */
  readonly countDroppedByLabel: (labelName: string, labelValue: string) => void
  /** Where the metrics stage puts its metrics. */
  readonly customMetrics: CustomMetrics
  /** Wraps a stage so that people see what it does; absent where nobody looks. */
  readonly inspect?: StageInspection | undefined
  readonly warn: (fields: object, message: string) => void
}

/** Puts something around a stage that shows what the stage does; `name` is its kind. */
export type StageInspection = (name: string, stage: Stage) => Stage

/** Makes a stage; everything that can fail was checked when the configuration was read. */
export type StageFactory = (context: StageContext) => Stage

/** What a stage's body is read with. */
export interface StageReading {
  /** Reads stages inside of the stage. */
  readonly readStages: ValueReader<StageFactory[]>
  /** Environment, for templates. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A kind of stage: how its body is read. */
export interface StageDefinition {
  /** Reads the body; reports problems at the cursor and returns `undefined` when it cannot be used. */
  readonly read: (body: YamlCursor, reading: StageReading) => StageFactory | undefined
}
