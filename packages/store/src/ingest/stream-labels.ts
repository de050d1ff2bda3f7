// Resolves the label text of a push to the stream's labels: parses and checks them and adds
// `service_name`. The result depends only on the text and the limits, so it is cached: as texts, because only
// new streams are asked for their labels, and these would take twice the memory.

import {
  compareLabelNames,
  createLabelSet,
  formatLabelSet,
  type Label,
  type LabelSet,
  LabelSyntaxError,
  parseLabelPairs,
  parseLabelSet,
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
  | {
      readonly kind: 'accepted'
      readonly labels: LabelSet
      readonly labelsText: string
      /** Required labels that the stream lacks: it is then refused all the same. */
      readonly missing: readonly string[]
    }
  | {
      readonly kind: 'refused'
      readonly reason: string
      readonly message: string
      readonly labelsText: string
    }
  /** Not a valid label set: the whole push is rejected. */
  | { readonly kind: 'malformed'; readonly message: string }

/** Labels that may be stored. Keeps their canonical text, and parses it when somebody needs the labels. */
class StoredLabels {
  readonly kind = 'accepted'
  readonly labelsText: string
  readonly missing: readonly string[]
  #labels: LabelSet | undefined

  constructor(labels: LabelSet, labelsText: string, missing: readonly string[]) {
    this.labelsText = labelsText
    this.missing = missing
    this.#labels = labels
  }

  get labels(): LabelSet {
    return this.#labels ?? parseLabelSet(this.labelsText)
  }

  /** Keeps only the text. */
  shrink(): void {
    this.#labels = undefined
  }
}

/** Resolves label texts under one tenant's limits and caches the results. */
export class StreamLabelsResolver {
  readonly #limits: TenantLimits
  readonly #known = new Map<string, StreamLabels>()
  /** The last new stream. Its labels are counted at once, so they need not be parsed again. */
  #newest: StoredLabels | undefined

  constructor(limits: TenantLimits) {
    this.#limits = limits
  }

  resolve(labelsText: string): StreamLabels {
    let found = this.#known.get(labelsText)
    if (!found) {
      found = resolveStreamLabels(labelsText, this.#limits)
      this.#newest?.shrink()
      this.#newest = found instanceof StoredLabels ? found : undefined
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
  return new StoredLabels(labels, labelsText, missingLabels(labels, limits))
}

const none: readonly string[] = []

/** Returns the required labels that a stream lacks. Loki's internal streams need none. */
function missingLabels(labels: LabelSet, { enforcedLabels }: TenantLimits): readonly string[] {
  if (enforcedLabels.length === 0) return none
  const names = new Set(labels.map(({ name }) => name))
  if (names.has('__aggregated_metric__')) return none
  return enforcedLabels.filter(name => !names.has(name))
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
