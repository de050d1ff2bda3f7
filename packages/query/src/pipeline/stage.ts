// A compiled pipeline stage: a function over one line and its labels.

import type { Line } from './line.ts'

/** Runs on one line. Returns false to drop it. */
export type RunStage = (line: Line) => boolean

/** The labels that the rest of a query uses. Parsers leave out all others. */
export interface LabelNeeds {
  /** `undefined` if all labels are needed. */
  readonly names: ReadonlySet<string> | undefined
  /** Whether a parser may stop once it has found all of them, even if the rest of the line is invalid. */
  readonly stopsEarly: boolean
}

export const allLabels: LabelNeeds = { names: undefined, stopsEarly: false }
