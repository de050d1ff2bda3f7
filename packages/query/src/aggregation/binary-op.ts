// Binary operations between numbers and vectors, over all steps at once.

import { formatLabelSet, type Label, type LabelSet, labelValue } from '@skald/wire'
import { VectorMatchingError } from '../errors.ts'
import { compareNumbers } from '../pipeline/compare-numbers.ts'
import { calculate } from './arithmetic.ts'
import { type BinaryOp, isComparison, isSetOp } from './binary-operators.ts'
import { createSeries, hasSamples, type MetricValue, type Series, setSample } from './series.ts'

/** Which labels pair the elements of two vectors, and how many may pair with one. */
export interface VectorMatching {
  readonly on: boolean
  readonly labels: readonly string[]
  readonly group?: 'left' | 'right'
  /** Labels that `group_left` or `group_right` takes over from the other side. */
  readonly include: readonly string[]
}

/** What an operator does with its two sides. */
export interface BinaryOperator {
  readonly op: BinaryOp
  readonly returnsBool: boolean
  readonly matching?: VectorMatching
}

/**
 * Evaluates a binary operation.
 *
 * @throws VectorMatchingError
 */
export function operate(expr: BinaryOperator, left: MetricValue, right: MetricValue): MetricValue {
  if (left.kind === 'scalar' && right.kind === 'scalar') {
    if (isComparison(expr.op)) {
      const isTrue = compareNumbers(expr.op, left.value, right.value)
      return { kind: 'scalar', value: isTrue ? 1 : 0 }
    }
    return { kind: 'scalar', value: calculate(expr.op, left.value, right.value) }
  }
  if (left.kind === 'scalar') {
    const number = left.value
    return withScalar(expr, right as Vector, value => [number, value])
  }
  if (right.kind === 'scalar') {
    const number = right.value
    return withScalar(expr, left, value => [value, number])
  }
  if (isSetOp(expr.op)) return unordered(combineSets(expr, left.series, right.series))
  return unordered(matchVectors(expr, left.series, right.series))
}

type Vector = Extract<MetricValue, { kind: 'vector' }>

function unordered(series: readonly Series[]): MetricValue {
  return { kind: 'vector', series: series.filter(hasSamples), isOrdered: false }
}

// A comparison without `bool` keeps the vector's own value where it holds.
function withScalar(
  { op, returnsBool }: BinaryOperator,
  vector: Vector,
  sides: (value: number) => readonly [left: number, right: number],
): MetricValue {
  const series = vector.series.map(one => {
    const result = createSeries(one.labels, one.values.length)
    for (let step = 0; step < one.values.length; step++) {
      if (!one.present[step]) continue
      const kept = one.values[step]!
      const value = combine({ op, returnsBool }, sides(kept), kept)
      if (value !== undefined) setSample(result, step, value)
    }
    return result
  })
  return { ...vector, series: series.filter(hasSamples) }
}

// `undefined` where a comparison drops the sample.
function combine(
  { op, returnsBool }: { readonly op: BinaryOp; readonly returnsBool: boolean },
  [left, right]: readonly [number, number],
  kept: number,
): number | undefined {
  if (!isComparison(op)) return calculate(op, left, right)
  const holds = compareNumbers(op, left, right)
  if (returnsBool) return holds ? 1 : 0
  return holds ? kept : undefined
}

function signature(labels: LabelSet, matching: VectorMatching | undefined): string {
  return formatLabelSet(matching ? matchedLabels(labels, matching) : labels)
}

function matchedLabels(labels: LabelSet, { on, labels: names }: VectorMatching): LabelSet {
  return labels.filter(({ name }) => names.includes(name) === on)
}

function combineSets(
  { op, matching }: BinaryOperator,
  left: readonly Series[],
  right: readonly Series[],
): Series[] {
  const rightMasks = presenceBySignature(right, matching)
  if (op === 'or') {
    const leftMasks = presenceBySignature(left, matching)
    const rest = right.map(one => without(one, leftMasks.get(signature(one.labels, matching))))
    return joinEqual([...left, ...rest])
  }
  return left.map(one => {
    const mask = rightMasks.get(signature(one.labels, matching))
    return op === 'and' ? within(one, mask) : without(one, mask)
  })
}

// Series of equal labels have samples at different steps, and become one.
function joinEqual(series: readonly Series[]): Series[] {
  const joined = new Map<string, Series>()
  for (const one of series) {
    const key = formatLabelSet(one.labels)
    const known = joined.get(key)
    if (!known) {
      joined.set(key, one)
      continue
    }
    const both = createSeries(one.labels, one.values.length)
    for (const part of [one, known]) {
      for (let step = 0; step < part.values.length; step++) {
        if (part.present[step]) setSample(both, step, part.values[step]!)
      }
    }
    joined.set(key, both)
  }
  return [...joined.values()]
}

function presenceBySignature(
  series: readonly Series[],
  matching: VectorMatching | undefined,
): Map<string, Uint8Array> {
  const masks = new Map<string, Uint8Array>()
  for (const { labels, present } of series) {
    const key = signature(labels, matching)
    const known = masks.get(key)
    masks.set(key, known ? known.map((bit, i) => bit | present[i]!) : present)
  }
  return masks
}

function within(series: Series, mask: Uint8Array | undefined): Series {
  return { ...series, present: series.present.map((bit, i) => bit & (mask?.[i] ?? 0)) }
}

function without(series: Series, mask: Uint8Array | undefined): Series {
  if (!mask) return series
  return { ...series, present: series.present.map((bit, i) => bit & (mask[i]! ^ 1)) }
}

// Pairs each series of the side that may have many with the one of the other side, step by step.
function matchVectors(
  expr: BinaryOperator,
  left: readonly Series[],
  right: readonly Series[],
): Series[] {
  const { matching } = expr
  const isSwapped = matching?.group === 'right'
  const many = isSwapped ? right : left
  const ones = Map.groupBy(isSwapped ? left : right, one => signature(one.labels, matching))
  const stepCount = (left[0] ?? right[0])?.values.length ?? 0
  refuseAmbiguous(ones, stepCount)
  const results = new Map<string, Series>()
  const matched = new Map<string, Uint8Array>()
  for (const one of many) {
    const key = signature(one.labels, matching)
    for (const other of ones.get(key) ?? []) {
      const labels = resultLabels(expr, one.labels, other.labels).filter(
        ({ value }) => value !== '',
      )
      const target = pick(results, formatLabelSet(labels), () => createSeries(labels, stepCount))
      const seen = pick(matched, key, () => new Uint8Array(stepCount))
      for (let step = 0; step < stepCount; step++) {
        if (!one.present[step] || !other.present[step]) continue
        const own = one.values[step]!
        const pair = [own, other.values[step]!] as const
        const sides = isSwapped ? ([pair[1], pair[0]] as const) : pair
        const value = combine(expr, sides, isSwapped ? sides[0] : own)
        if (value === undefined) continue
        if (!matching?.group && seen[step]) {
          throw new VectorMatchingError(
            'multiple matches for labels: many-to-one matching must be explicit ' +
              '(group_left/group_right)',
          )
        }
        if (target.present[step]) {
          throw new VectorMatchingError(
            'multiple matches for labels: grouping labels must ensure unique matches',
          )
        }
        seen[step] = 1
        setSample(target, step, value)
      }
    }
  }
  return [...results.values()]
}

function pick<T>(map: Map<string, T>, key: string, create: () => T): T {
  const known = map.get(key)
  if (known !== undefined) return known
  const created = create()
  map.set(key, created)
  return created
}

function refuseAmbiguous(ones: Map<string, Series[]>, stepCount: number): void {
  for (const group of ones.values()) {
    if (group.length < 2) continue
    for (let step = 0; step < stepCount; step++) {
      if (group.filter(one => one.present[step]).length < 2) continue
      throw new VectorMatchingError(
        'found duplicate series on the right hand-side;many-to-many matching not allowed: ' +
          'matching labels must be unique on one side',
      )
    }
  }
}

// With `on` or `ignoring`, one-to-one results keep the matched labels; grouped ones those of the many
// side and what the group modifier names of the other.
function resultLabels({ matching }: BinaryOperator, many: LabelSet, one: LabelSet): LabelSet {
  if (!matching) return many
  if (!matching.group) return matchedLabels(many, matching)
  if (matching.include.length === 0) return many
  const labels: Label[] = many.filter(({ name }) => !matching.include.includes(name))
  for (const name of new Set(matching.include)) {
    const value = labelValue(one, name)
    if (value !== '') labels.push({ name, value })
  }
  return labels.sort((a, b) => (a.name < b.name ? -1 : 1))
}
