// LogQL as data. What walks it lives elsewhere: parser, printer, checks, plan, pipeline compiler.

import type { Matcher } from '@skald/wire'
import type { BinaryOp, RangeOp, VectorOp } from '../syntax/operations.ts'

export type Expr = LogExpr | MetricExpr

/** A log query: selector and pipeline. */
export interface LogExpr {
  readonly kind: 'log'
  readonly matchers: readonly Matcher[]
  readonly stages: readonly Stage[]
}

export type LineFilterOp = '|=' | '!=' | '|~' | '!~' | '|>' | '!>'

/** One operand of a line filter: a text (or pattern), or `ip("...")`. */
export interface LineFilterTerm {
  readonly kind: 'text' | 'ip'
  readonly value: string
}

/** `label="expression"` of `json` and `logfmt`. */
export interface Extraction {
  readonly name: string
  readonly expression: string
}

/** One item of `drop` and `keep`: a name, or a matcher on the label's value. */
export interface LabelPick {
  readonly name: string
  readonly matcher?: Matcher
}

/** One item of `label_format`: `dst=src` or `dst="template"`. */
export interface LabelFormatItem {
  readonly kind: 'rename' | 'template'
  readonly name: string
  readonly value: string
}

export type Stage =
  | {
      readonly kind: 'lineFilter'
      readonly op: LineFilterOp
      /** Joined by `or`: any of them; for `!=`, `!~`, `!>` none of them. */
      readonly terms: readonly LineFilterTerm[]
    }
  | { readonly kind: 'labelFilter'; readonly filter: LabelFilter }
  | { readonly kind: 'json'; readonly extractions: readonly Extraction[] }
  | {
      readonly kind: 'logfmt'
      readonly isStrict: boolean
      readonly keepsEmpty: boolean
      readonly extractions: readonly Extraction[]
    }
  | { readonly kind: 'regexp'; readonly pattern: string }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'unpack' }
  | { readonly kind: 'lineFormat'; readonly template: string }
  | { readonly kind: 'labelFormat'; readonly items: readonly LabelFormatItem[] }
  | { readonly kind: 'decolorize' }
  | { readonly kind: 'drop' | 'keep'; readonly picks: readonly LabelPick[] }

export type CompareOp = '==' | '!=' | '>' | '>=' | '<' | '<='

export type LabelFilter =
  | { readonly kind: 'matcher'; readonly matcher: Matcher }
  | {
      readonly kind: 'ip'
      readonly name: string
      readonly op: '=' | '!='
      readonly pattern: string
    }
  | {
      readonly kind: 'number' | 'bytes'
      readonly name: string
      readonly op: CompareOp
      readonly value: number
    }
  | {
      readonly kind: 'duration'
      readonly name: string
      readonly op: CompareOp
      readonly valueNs: bigint
    }
  | { readonly kind: 'and' | 'or'; readonly left: LabelFilter; readonly right: LabelFilter }

export type MetricExpr =
  | RangeAggregation
  | VectorAggregation
  | BinaryOperation
  | LabelReplace
  | { readonly kind: 'literal'; readonly value: number }
  | { readonly kind: 'vector'; readonly value: number }

/** `by (labels)` or `without (labels)`. */
export interface Grouping {
  readonly without: boolean
  readonly labels: readonly string[]
}

export type UnwrapConversion = 'bytes' | 'duration' | 'duration_seconds'

/** Takes the value of a label as the sample. */
export interface Unwrap {
  readonly label: string
  readonly conversion?: UnwrapConversion
  /** Filters behind the unwrap, which see conversion errors. */
  readonly filters: readonly LabelFilter[]
}

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

/** Which labels pair the elements of two vectors, and how many may pair with one. */
export interface VectorMatching {
  readonly on: boolean
  readonly labels: readonly string[]
  readonly group?: 'left' | 'right'
  /** Labels that `group_left` or `group_right` takes over from the other side. */
  readonly include: readonly string[]
}

export interface BinaryOperation {
  readonly kind: 'binary'
  readonly op: BinaryOp
  readonly left: MetricExpr
  readonly right: MetricExpr
  readonly returnsBool: boolean
  readonly matching?: VectorMatching
}

export interface LabelReplace {
  readonly kind: 'labelReplace'
  readonly operand: MetricExpr
  readonly destination: string
  readonly replacement: string
  readonly source: string
  readonly pattern: string
}
