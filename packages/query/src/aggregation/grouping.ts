// `by (labels)` and `without (labels)`.

import type { LabelSet } from '@skald/wire'

export interface Grouping {
  readonly without: boolean
  readonly labels: readonly string[]
}

/** Returns the labels of a series that its group keeps. */
export function groupLabels(labels: LabelSet, grouping: Grouping | undefined): LabelSet {
  if (!grouping) return []
  const { without, labels: names } = grouping
  if (!without) return labels.filter(({ name }) => names.includes(name))
  return labels.filter(({ name, value }) => value !== '' && !names.includes(name))
}
