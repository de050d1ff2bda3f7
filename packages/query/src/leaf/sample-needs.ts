// What the stages of a metric query have to find: only labels that later stages, the unwrap or the
// grouping look at. Where all labels make the series, everything is needed.

import type { Grouping } from '../aggregation/grouping.ts'
import { sampleValueOf } from '../aggregation/range-aggregation.ts'
import { allLabels, type LabelNeeds } from '../pipeline/stage.ts'
import { addFilterNeeds } from '../stages/label-filter.ts'
import { namesOf } from '../stages/label-needs.ts'
import { definitionOf, type Stage } from '../stages/stage-table.ts'
import type { RangeAggregation } from '../syntax-tree/ast.ts'

/** Finds the labels a range aggregation needs, given what the grouping around it keeps. */
export function labelNeeds(expr: RangeAggregation, grouping: Grouping | undefined): LabelNeeds {
  if (!grouping || grouping.without) return allLabels
  const names = namesOf(withoutIdleFormats(expr), grouping.labels)
  if (!names) return allLabels
  if (expr.unwrap) {
    names.add(expr.unwrap.label)
    for (const filter of expr.unwrap.filters) addFilterNeeds(names, filter)
  }
  // A field that is to be `x_extracted` is an `x` where nothing else has that name.
  for (const name of names) {
    if (name.endsWith('_extracted')) names.add(name.slice(0, -'_extracted'.length))
  }
  return { names, stopsEarly: true }
}

/**
 * The stages of a range aggregation without each `line_format` whose line nobody looks at: neither a
 * parser or filter behind it nor a count of bytes.
 */
export function withoutIdleFormats(expr: RangeAggregation): readonly Stage[] {
  const { log } = expr
  if (sampleValueOf(expr) === 'bytes') return log.stages
  const lastReader = log.stages.findLastIndex(stage => definitionOf(stage).readsLine)
  return log.stages.filter((stage, i) => stage.kind !== 'lineFormat' || i < lastReader)
}
