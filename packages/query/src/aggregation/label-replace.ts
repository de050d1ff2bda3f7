// `label_replace(v, "dst", "replacement", "src", "regex")`.

import { expandGoTemplate } from '@skald/go-dialect/regex/expand'
import { compileRegex } from '@skald/go-dialect/regex/regex'
import { createLabelSet, formatLabelSet, type LabelSet, labelValue } from '@skald/wire'
import type { Series } from './series.ts'

/** What `label_replace` does, as it is written. */
export interface LabelReplacement {
  readonly destination: string
  readonly replacement: string
  readonly source: string
  readonly pattern: string
}

/** Sets a label of each series whose source label matches as a whole; an empty value removes it. */
export function replaceLabels(expr: LabelReplacement, series: readonly Series[]): Series[] {
  const regex = compileRegex(expr.pattern, { anchored: true })
  const known = new Map<string, LabelSet>()
  const replaced = (labels: LabelSet): LabelSet => {
    const match = regex.exec(labelValue(labels, expr.source))
    if (!match) return labels.filter(({ value }) => value !== '')
    const value = expandGoTemplate(expr.replacement, name => {
      if (/^\d+$/.test(name)) return match.groups[Number(name)]
      return match.groups[regex.groupNames.lastIndexOf(name)]
    })
    const pairs = labels
      .filter(({ name }) => name !== expr.destination)
      .map(label => [label.name, label.value] as const)
    return createLabelSet([...pairs, [expr.destination, value]])
  }
  return series.map(one => {
    const key = formatLabelSet(one.labels)
    const labels = known.get(key) ?? replaced(one.labels)
    known.set(key, labels)
    return { ...one, labels }
  })
}
