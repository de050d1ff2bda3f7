// What a pipeline stage is once it is compiled: a function over one line and its labels.

import type { Line } from './line.ts'

/** Works on one line; false drops it. */
export type RunStage = (line: Line) => boolean

/** Which labels the rest of a query looks at. Parsers leave out what nobody asks for. */
export interface LabelNeeds {
  /** `undefined` where all labels are needed. */
  readonly names: ReadonlySet<string> | undefined
  /** Labels grouped by include the error: it is kept instead of failing the query. */
  readonly preservesErrors: boolean
}

export const allLabels: LabelNeeds = { names: undefined, preservesErrors: false }
