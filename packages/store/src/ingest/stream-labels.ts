// Resolves the label text of a push to the stream's labels: parses and checks them and adds
// `service_name`. The result depends only on the text and the limits, so it is cached.

import {
  compareLabelNames,
  createLabelSet,
  formatLabelSet,
  type Label,
  type LabelSet,
  LabelSyntaxError,
  parseLabelPairs,
} from '@skald/wire'
import { cachedLabelsTextMax, streamCacheEntriesMax } from '../limits.ts'
import type { TenantLimits } from '../tenant-limits.ts'

/**
 * Labels that can name the service, best first (Loki's default list). The first one present is
 * used.
 */
export const defaultServiceNameLabels: readonly string[] = [
  'service',
  'app',
  'application',
  'app_name',
  'name',
  'app_kubernetes_io_name',
  'container',
  'container_name',
  'k8s_container_name',
  'component',
  'workload',
  'job',
  'k8s_job_name',
]
const serviceNameLabel = 'service_name'
const unknownService = 'unknown_service'

/** Labels that may be stored, or why they may not. */
export type StreamLabels =
  | { readonly kind: 'accepted'; readonly labels: LabelSet; readonly labelsText: string }
  | {
      readonly kind: 'refused'
      readonly reason: string
      readonly message: string
      readonly labelsText: string
    }
  /** Not a valid label set: the whole push is rejected. */
  | { readonly kind: 'malformed'; readonly message: string }

/** Resolves label texts under one tenant's limits and caches the results. */
export class StreamLabelsResolver {
  readonly #limits: TenantLimits
  readonly #known = new Map<string, StreamLabels>()

  constructor(limits: TenantLimits) {
    this.#limits = limits
  }

  resolve(labelsText: string): StreamLabels {
    let found = this.#known.get(labelsText)
    if (!found) {
      found = resolveStreamLabels(labelsText, this.#limits)
      if (labelsText.length > cachedLabelsTextMax) return found
      if (this.#known.size >= streamCacheEntriesMax) this.#known.clear()
      this.#known.set(labelsText, found)
    }
    return found
  }
}

function resolveStreamLabels(text: string, limits: TenantLimits): StreamLabels {
  let sent: readonly Label[]
  try {
    sent = parseLabelPairs(text)
  } catch (error) {
    if (!(error instanceof LabelSyntaxError)) throw error
    return { kind: 'malformed', message: `couldn't parse labels: ${error.message}` }
  }
  // A stream with a repeated name is rejected; its message shows the first value.
  const labels = addServiceName(createLabelSet(pairsOf(sent).reverse()), limits.discoverServiceName)
  const twice = findTwice(sent)
  const labelsText = formatLabelSet(twice === undefined ? labels : joinLabels(sent, labels))
  if (labels.length === 0) {
    return {
      kind: 'refused',
      labelsText,
      reason: 'missing_labels',
      message: 'error at least one label pair is required per stream',
    }
  }
  // service_name does not count, because the client did not send it.
  const count = labels.filter(({ name }) => name !== serviceNameLabel).length
  if (count > limits.maxLabelNames) {
    return {
      kind: 'refused',
      labelsText,
      reason: 'max_label_names_per_series',
      message: `entry for stream '${labelsText}' has ${count} label names; limit ${limits.maxLabelNames}`,
    }
  }
  if (twice !== undefined) {
    return {
      kind: 'refused',
      labelsText,
      reason: 'duplicate_label_names',
      message: `stream '${labelsText}' has duplicate label name: '${twice}'`,
    }
  }
  for (const { name, value } of labels) {
    if (name.length > limits.maxLabelNameBytes) {
      return {
        kind: 'refused',
        labelsText,
        reason: 'label_name_too_long',
        message: `stream '${labelsText}' has label name too long: '${name}'`,
      }
    }
    if (Buffer.byteLength(value, 'utf8') > limits.maxLabelValueBytes) {
      return {
        kind: 'refused',
        labelsText,
        reason: 'label_value_too_long',
        message: `stream '${labelsText}' has label value too long: '${value}'`,
      }
    }
  }
  return { kind: 'accepted', labels, labelsText }
}

function pairsOf(labels: readonly Label[]): (readonly [string, string])[] {
  return labels.map(({ name, value }) => [name, value])
}

/** Returns the first name that was sent more than once. */
function findTwice(sent: readonly Label[]): string | undefined {
  const names = new Set<string>()
  for (const { name } of sent) {
    if (names.has(name)) return name
    names.add(name)
  }
  return undefined
}

/** Joins the labels as sent with those that were added, for an error message. */
function joinLabels(sent: readonly Label[], labels: LabelSet): readonly Label[] {
  const added = labels.filter(({ name }) => sent.every(label => label.name !== name))
  return [...sent, ...added].sort(compareLabelNames)
}

function addServiceName(labels: LabelSet, candidates: readonly string[]): LabelSet {
  const has = (wanted: string) => labels.find(({ name }) => name === wanted)?.value
  if (candidates.length === 0 || has(serviceNameLabel) !== undefined) return labels
  // Loki's internal streams stay unchanged.
  if (has('__aggregated_metric__') !== undefined) return labels
  const named = candidates.map(has).find(value => value !== undefined)
  return createLabelSet([...pairsOf(labels), [serviceNameLabel, named ?? unknownService]])
}
