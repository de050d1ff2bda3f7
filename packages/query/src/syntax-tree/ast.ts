// LogQL as data. What walks it lives elsewhere: parser, printer, checks, plan, pipeline compiler.

import type { Matcher } from '@skald/wire'
import type { BinaryOperator } from '../aggregation/binary-op.ts'
import type { Grouping } from '../aggregation/grouping.ts'
import type { LabelReplacement } from '../aggregation/label-replace.ts'
import type { RangeOp } from '../aggregation/range-table.ts'
import type { VectorOp } from '../aggregation/vector-table.ts'
import type { Stage } from '../stages/stage-table.ts'
import type { Unwrap } from '../stages/unwrap-syntax.ts'

export type Expr = LogExpr | MetricExpr

/** A log query: selector and pipeline. */
export interface LogExpr {
  readonly kind: 'log'
  readonly matchers: readonly Matcher[]
  readonly stages: readonly Stage[]
}

export type MetricExpr =
  | RangeAggregation
  | VectorAggregation
  | BinaryOperation
  | LabelReplace
  | { readonly kind: 'literal'; readonly value: number }
  | { readonly kind: 'vector'; readonly value: number }

export interface RangeAggregation {
  readonly kind: 'range'
  readonly op: RangeOp
  readonly parameter?: number
  readonly log: LogExpr
  readonly unwrap?: Unwrap
  readonly rangeNs: bigint
  readonly offsetNs: bigint
  readonly grouping?: Grouping
}

export interface VectorAggregation {
  readonly kind: 'aggregation'
  readonly op: VectorOp
  readonly parameter?: number
  readonly grouping?: Grouping
  readonly operand: MetricExpr
}

export interface BinaryOperation extends BinaryOperator {
  readonly kind: 'binary'
  readonly left: MetricExpr
  readonly right: MetricExpr
}

export interface LabelReplace extends LabelReplacement {
  readonly kind: 'labelReplace'
  readonly operand: MetricExpr
}
