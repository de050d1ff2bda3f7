// What a pipeline stage is once it is compiled: a function over one line and its labels.

import type { Line } from './line.ts'

/** Works on one line; false drops it. */
export type RunStage = (line: Line) => boolean

/** Which labels the rest of a query looks at. Parsers leave out what nobody asks for. */
export interface LabelNeeds {
  /** `undefined` where all labels are needed. */
  readonly names: ReadonlySet<string> | undefined
  /** A parser that has found all of them need not see whether the rest of the line is damaged. */
  readonly stopsEarly: boolean
}

export const allLabels: LabelNeeds = { names: undefined, stopsEarly: false }
