// The vector aggregations of LogQL. To add one: its file in vector/, and its row here.

import { approxTopk } from './vector/approx-topk.ts'
import { avg } from './vector/avg.ts'
import { bottomk } from './vector/bottomk.ts'
import { count } from './vector/count.ts'
import type { VectorDefinition } from './vector/definition.ts'
import { max } from './vector/max.ts'
import { min } from './vector/min.ts'
import { sort } from './vector/sort.ts'
import { sortDesc } from './vector/sort-desc.ts'
import { stddev } from './vector/stddev.ts'
import { stdvar } from './vector/stdvar.ts'
import { sum } from './vector/sum.ts'
import { topk } from './vector/topk.ts'

const rows = [
  sum,
  avg,
  count,
  max,
  min,
  stddev,
  stdvar,
  topk,
  bottomk,
  approxTopk,
  sort,
  sortDesc,
] as const

/** Name of a vector aggregation. */
export type VectorOp = (typeof rows)[number]['op']

/** The definitions of all vector aggregations. */
export const vectorDefinitions: readonly VectorDefinition<VectorOp>[] = rows

const byOp = new Map<string, VectorDefinition<VectorOp>>(rows.map(row => [row.op, row]))

/** Returns the definition of a vector aggregation. */
export function vectorDefinition(op: VectorOp): VectorDefinition<VectorOp> {
  return byOp.get(op)!
}
