// What the stages of a metric query have to find: only labels that later stages, the unwrap or the
// grouping look at. Where all labels make the series, everything is needed.

import { passesEverything } from '../pipeline/label-regex.ts'
import { templateFieldsOf } from '../pipeline/logql-template.ts'
import { allLabels, type LabelNeeds } from '../pipeline/stage.ts'
import type { Grouping, LabelFilter, RangeAggregation, Stage } from '../syntax-tree/ast.ts'

/** Finds the labels a range aggregation needs, given what the grouping around it keeps. */
export function labelNeeds(expr: RangeAggregation, grouping: Grouping | undefined): LabelNeeds {
  if (!grouping || grouping.without) return allLabels
  const names = namesOf(withoutIdleFormats(expr), grouping.labels)
  if (!names) return allLabels
  if (expr.unwrap) {
    names.add(expr.unwrap.label)
    for (const filter of expr.unwrap.filters) addFilter(names, filter)
  }
  // A field that is to be `x_extracted` is an `x` where nothing else has that name.
  for (const name of names) {
    if (name.endsWith('_extracted')) names.add(name.slice(0, -'_extracted'.length))
  }
  return { names, stopsEarly: true }
}

/**
 * Finds the labels that stages need to decide about a line; `undefined` where they may look at any.
 * Errors come out the same as with all labels.
 */
export function probeNeeds(stages: readonly Stage[]): LabelNeeds | undefined {
  const names = namesOf(stages, [])
  return names && { names, stopsEarly: false }
}

/**
 * The stages of a range aggregation without each `line_format` whose line nobody looks at: neither a
 * parser or filter behind it nor a count of bytes.
 */
export function withoutIdleFormats({ op, log }: RangeAggregation): readonly Stage[] {
  if (op === 'bytes_over_time' || op === 'bytes_rate') return log.stages
  const lastReader = log.stages.findLastIndex(({ kind }) => readsLine.has(kind))
  return log.stages.filter((stage, i) => stage.kind !== 'lineFormat' || i < lastReader)
}

const readsLine = new Set<Stage['kind']>([
  'lineFilter',
  'json',
  'logfmt',
  'regexp',
  'pattern',
  'unpack',
])

// `undefined` where a template may look at any label.
function namesOf(stages: readonly Stage[], groups: readonly string[]): Set<string> | undefined {
  const names = new Set(groups)
  return stages.every(stage => addStage(names, stage)) ? names : undefined
}

function addStage(names: Set<string>, stage: Stage): boolean {
  switch (stage.kind) {
    case 'labelFilter':
      addFilter(names, stage.filter)
      return true
    case 'lineFormat':
      return addTemplate(names, stage.template, 'line')
    case 'labelFormat':
      return stage.items.every(item => {
        if (item.kind === 'template') return addTemplate(names, item.value, 'label')
        names.add(item.value)
        return true
      })
    // What they drop and keep of labels that nobody looks at does not matter.
    case 'drop':
    case 'keep':
    case 'lineFilter':
    case 'json':
    case 'logfmt':
    case 'regexp':
    case 'pattern':
    case 'unpack':
    case 'decolorize':
      return true
  }
}

function addTemplate(names: Set<string>, text: string, kind: 'line' | 'label'): boolean {
  const fields = templateFieldsOf(text, kind)
  if (!fields) return false
  for (const name of fields) names.add(name)
  return true
}

function addFilter(names: Set<string>, filter: LabelFilter): void {
  switch (filter.kind) {
    case 'matcher':
      if (!passesEverything(filter.matcher)) names.add(filter.matcher.name)
      return
    case 'and':
    case 'or':
      addFilter(names, filter.left)
      addFilter(names, filter.right)
      return
    case 'ip':
    case 'number':
    case 'bytes':
    case 'duration':
      names.add(filter.name)
  }
}
