// The names of all aggregations and binary operators, and what may stand with them. A new aggregation is
// a row here, and a row in metric-query/range-aggregation.ts or vector-aggregation.ts.

interface RangeRules {
  /** Whether values are unwrapped from a label. */
  readonly unwrap: 'never' | 'optional' | 'required'
  /** `by` and `without` may follow. */
  readonly takesGrouping?: true
  /** A number comes first, and has to. */
  readonly takesParameter?: true
}

export const rangeOperations = {
  count_over_time: { unwrap: 'never' },
  rate: { unwrap: 'optional' },
  rate_counter: { unwrap: 'required' },
  bytes_over_time: { unwrap: 'never' },
  bytes_rate: { unwrap: 'never' },
  avg_over_time: { unwrap: 'required', takesGrouping: true },
  sum_over_time: { unwrap: 'required' },
  min_over_time: { unwrap: 'required', takesGrouping: true },
  max_over_time: { unwrap: 'required', takesGrouping: true },
  stdvar_over_time: { unwrap: 'required', takesGrouping: true },
  stddev_over_time: { unwrap: 'required', takesGrouping: true },
  quantile_over_time: { unwrap: 'required', takesGrouping: true, takesParameter: true },
  first_over_time: { unwrap: 'required', takesGrouping: true },
  last_over_time: { unwrap: 'required', takesGrouping: true },
  absent_over_time: { unwrap: 'optional' },
} as const satisfies Readonly<Record<string, RangeRules>>
export type RangeOp = keyof typeof rangeOperations

/** Rules of a range aggregation. */
export function rangeRules(op: RangeOp): RangeRules {
  return rangeOperations[op]
}

interface VectorRules {
  /** A whole number above 0 comes first, and has to. */
  readonly takesCount?: true
  /** `none` allows no grouping, `empty` only one without labels. */
  readonly grouping?: 'none' | 'empty'
}

export const vectorOperations = {
  sum: {},
  avg: {},
  count: {},
  max: {},
  min: {},
  stddev: {},
  stdvar: {},
  topk: { takesCount: true },
  bottomk: { takesCount: true },
  approx_topk: { takesCount: true, grouping: 'none' },
  sort: { grouping: 'empty' },
  sort_desc: { grouping: 'empty' },
} as const satisfies Readonly<Record<string, VectorRules>>
export type VectorOp = keyof typeof vectorOperations

/** Rules of a vector aggregation. */
export function vectorRules(op: VectorOp): VectorRules {
  return vectorOperations[op]
}

/** How tightly an operator binds; the highest binds first. Only `^` groups to the right. */
export const binaryPrecedences = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '>': 3,
  '>=': 3,
  '<': 3,
  '<=': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  '^': 6,
} as const
export type BinaryOp = keyof typeof binaryPrecedences

export function isBinaryOp(text: string): text is BinaryOp {
  return Object.hasOwn(binaryPrecedences, text)
}
