// Changes the labels of alerts and samples on their way out.

import { type RelabelRule, relabel } from '@skald/config-reading/relabel'
import { createLabelSet, type LabelSet } from '@skald/wire'

/** Returns the things with their new labels, without those that the rules drop. */
export function relabeled<T extends { readonly labels: LabelSet }>(
  things: readonly T[],
  rules: readonly RelabelRule[],
): readonly T[] {
  if (rules.length === 0) return things
  return things.flatMap(thing => {
    const labels = relabel(new Map(thing.labels.map(({ name, value }) => [name, value])), rules)
    return labels ? [{ ...thing, labels: createLabelSet(Object.fromEntries(labels)) }] : []
  })
}
