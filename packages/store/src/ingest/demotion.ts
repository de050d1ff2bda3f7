// Turns labels with too many values into structured metadata, so that they make no streams.

import { formatLabelSet, type LabelSet } from '@skald/wire'
import type { StreamLabels } from './stream-labels.ts'

/** Labels of a stream that may be stored. */
export type AcceptedLabels = Extract<StreamLabels, { kind: 'accepted' }>

/** A stream without its demoted labels. */
export interface DemotedLabels extends AcceptedLabels {
  /** What each of its rows gets as metadata. */
  readonly demoted: LabelSet
}

/** Demotes labels, and remembers the results as long as others remember what they come from. */
export class Demotion {
  /** Names to demote → labels as pushed → the result. */
  readonly #known = new WeakMap<ReadonlySet<string>, WeakMap<AcceptedLabels, AcceptedLabels>>()

  /** Returns the labels without those of the given names. Always keeps one, since a stream needs a label. */
  demote(stream: AcceptedLabels, names: ReadonlySet<string>): AcceptedLabels | DemotedLabels {
    if (names.size === 0) return stream
    let known = this.#known.get(names)
    if (!known) {
      known = new WeakMap()
      this.#known.set(names, known)
    }
    let result = known.get(stream)
    if (!result) {
      result = withoutNames(stream, names)
      known.set(stream, result)
    }
    return result
  }
}

function withoutNames(
  stream: AcceptedLabels,
  names: ReadonlySet<string>,
): AcceptedLabels | DemotedLabels {
  const all = stream.labels
  const labels = all.filter(({ name }) => !names.has(name))
  if (labels.length === all.length || labels.length === 0) return stream
  const demoted = all.filter(({ name }) => names.has(name))
  const { missing } = stream
  return { kind: 'accepted', labels, labelsText: formatLabelSet(labels), missing, demoted }
}
