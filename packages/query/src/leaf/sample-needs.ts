// Decides which labels the stages of a metric query must find: only those that later stages, the unwrap or
// the grouping use. If the series keep all labels, everything is needed. Also which labels the series keep.

import type { Grouping } from '../aggregation/grouping.ts'
import { sampleValueOf } from '../aggregation/range-aggregation.ts'
import { rangeDefinition } from '../aggregation/range-table.ts'
import { allLabels, type LabelNeeds } from '../pipeline/stage.ts'
import type { SampleLeaf } from '../plan/log-source.ts'
import { addFilterNeeds } from '../stages/label-filter.ts'
import { namesOf } from '../stages/label-needs.ts'
import { definitionOf, type Stage } from '../stages/stage-table.ts'
import type { RangeAggregation } from '../syntax-tree/ast.ts'
import type { SeriesLabels } from './series-keys.ts'

/** Returns the labels a range aggregation needs, given the grouping around it. */
export function labelNeeds(expr: RangeAggregation, grouping: Grouping | undefined): LabelNeeds {
  if (!grouping || grouping.without) return allLabels
  const names = namesOf(withoutIdleFormats(expr), grouping.labels)
  if (!names) return allLabels
  if (expr.unwrap) {
    names.add(expr.unwrap.label)
    for (const filter of expr.unwrap.filters) addFilterNeeds(names, filter)
  }
  // A field written as `x_extracted` is named `x` if no other label has that name.
  for (const name of names) {
    if (name.endsWith('_extracted')) names.add(name.slice(0, -'_extracted'.length))
  }
  return { names, stopsEarly: true }
}

/**
 * Returns the stages of a range aggregation, without each `line_format` whose line is never read by a later
 * parser or filter, nor counted in bytes.
 */
export function withoutIdleFormats(expr: RangeAggregation): readonly Stage[] {
  const { log } = expr
  if (sampleValueOf(expr) === 'bytes') return log.stages
  const lastReader = log.stages.findLastIndex(stage => definitionOf(stage).readsLine)
  return log.stages.filter((stage, i) => stage.kind !== 'lineFormat' || i < lastReader)
}

/** Returns true if stages read only stream labels and metadata, so rows with equal labels have equal results. */
export function readsOnlyLabels(stages: readonly Stage[]): boolean {
  return stages.every(stage => definitionOf(stage).readsOnlyLabels?.(stage))
}

/** Returns the grouping of the series of a leaf, or `undefined` if they keep all labels. */
export function groupingOf({ range, grouping }: SampleLeaf): Grouping | undefined {
  return range.grouping ?? grouping
}

/** Returns which labels the series of a leaf keep. */
export function seriesLabelsOf(leaf: SampleLeaf): SeriesLabels {
  const { op, log, grouping, unwrap } = leaf.range
  return {
    grouping: groupingOf(leaf),
    // Loki merges the series of pipelines that remove labels, which loses labels with an empty value.
    keepsEmpty: !log.stages.some(stage => definitionOf(stage).removesLabels?.(stage)),
    keepsErrors: grouping !== undefined && !rangeDefinition(op).isGroupedTwice,
    // Unwrapping removes a label, like a grouping without it.
    dropsDetails: unwrap !== undefined,
  }
}
