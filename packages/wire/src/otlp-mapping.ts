// Maps the attributes of OTLP log records like Loki: some of the resource's become labels of the
// stream, all others structured metadata of the entry. Both encodings use it.

import { nsPerSecond } from '@skald/go-dialect'
import { createLabelSet, formatLabelSet, type Label } from './labels.ts'
import { ascending } from './order.ts'

/** What to do with an attribute. */
export type OtlpAction = 'index_label' | 'structured_metadata' | 'drop'

/** Maps the attributes of one tenant's records by the names they are sent with. */
export interface OtlpMapping {
  readonly resource: (name: string) => OtlpAction
  readonly scope: (name: string) => OtlpAction
  readonly record: (name: string) => OtlpAction
  /** Labels that can provide a missing service name, best first. If empty, no name is added. */
  readonly serviceNameLabels: readonly string[]
}

/** Parameters of decoding. */
export interface OtlpDecoding {
  readonly mapping: OtlpMapping
  /** Time for records without one. */
  readonly nowNs: bigint
}

/** Resource attributes that become labels of the stream by default (Loki's list). */
export const defaultOtlpLabelAttributes: readonly string[] = [
  'service.name',
  'service.namespace',
  'service.instance.id',
  'deployment.environment',
  'deployment.environment.name',
  'cloud.region',
  'cloud.availability_zone',
  'k8s.cluster.name',
  'k8s.namespace.name',
  'k8s.pod.name',
  'k8s.container.name',
  'container.name',
  'k8s.replicaset.name',
  'k8s.deployment.name',
  'k8s.statefulset.name',
  'k8s.daemonset.name',
  'k8s.cronjob.name',
  'k8s.job.name',
]

const serviceNameAttribute = 'service.name'
const serviceNameLabel = 'service_name'
const unknownService = 'unknown_service'

/** Collects what the records of one resource share: stream labels and metadata. */
export class OtlpResource {
  readonly metadata: Label[] = []
  readonly #labels: [name: string, value: string][] = []
  readonly #mapping: OtlpMapping
  #hasServiceName = false
  /** Value of the first label that can provide the service name. */
  #foundName: string | undefined

  constructor(mapping: OtlpMapping) {
    this.#mapping = mapping
  }

  /**
   * Adds the pairs of an attribute, with names that are valid as labels: one pair, or several if
   * its value is a map.
   *
   * @param attribute Name of the whole attribute as sent.
   */
  add(attribute: string, pairs: readonly Label[]): void {
    if (attribute === serviceNameAttribute && pairs.some(({ value }) => value !== '')) {
      this.#hasServiceName = true
    }
    switch (this.#mapping.resource(attribute)) {
      case 'index_label':
        for (const { name, value } of pairs) this.#addLabel(name, value)
        break
      case 'structured_metadata':
        for (const pair of pairs) this.metadata.push(pair)
        break
      case 'drop':
        break
    }
  }

  #addLabel(name: string, value: string): void {
    this.#labels.push([name, value])
    if (value !== '' && this.#mapping.serviceNameLabels.includes(name)) this.#foundName ??= value
  }

  /** Returns the stream's label set as text. */
  labelsText(): string {
    const labels = [...this.#labels]
    if (!this.#hasServiceName && this.#mapping.serviceNameLabels.length > 0) {
      labels.push([serviceNameLabel, this.#foundName ?? unknownService])
    }
    return formatLabelSet(createLabelSet(labels))
  }
}

/** Fields of a scope that become metadata of its records, after its attributes. */
export interface OtlpScopeFields {
  readonly name: string
  readonly version: string
  readonly droppedAttributesCount: number
}

/** Adds the fields of a scope to its metadata. */
export function addScopeFields(pairs: Label[], fields: OtlpScopeFields): void {
  const { name, version, droppedAttributesCount } = fields
  if (name !== '') pairs.push({ name: 'scope_name', value: name })
  if (version !== '') pairs.push({ name: 'scope_version', value: version })
  if (droppedAttributesCount !== 0) {
    pairs.push({ name: 'scope_dropped_attributes_count', value: String(droppedAttributesCount) })
  }
}

/** Fields of a record that become metadata, after its attributes. Absent fields are empty or 0. */
export interface OtlpRecordFields {
  /** Decimal nanoseconds. */
  observedNs: string
  severityNumber: number
  severityText: string
  droppedAttributesCount: number
  flags: number
  /** Hexadecimal. */
  traceId: string
  spanId: string
  eventName: string
}

/** Returns the fields of a record that has none of them. */
export function emptyRecordFields(): OtlpRecordFields {
  return {
    observedNs: '',
    severityNumber: 0,
    severityText: '',
    droppedAttributesCount: 0,
    flags: 0,
    traceId: '',
    spanId: '',
    eventName: '',
  }
}

/** Adds the fields of a record to its metadata. */
export function addRecordFields(pairs: Label[], fields: OtlpRecordFields): void {
  const add = (name: string, value: string) => pairs.push({ name, value })
  if (fields.observedNs !== '') add('observed_timestamp', fields.observedNs)
  if (fields.severityNumber !== 0) add('severity_number', String(fields.severityNumber))
  if (fields.severityText !== '') add('severity_text', fields.severityText)
  if (fields.droppedAttributesCount !== 0) {
    add('dropped_attributes_count', String(fields.droppedAttributesCount))
  }
  if (fields.flags !== 0) add('flags', String(fields.flags))
  if (fields.traceId !== '') add('trace_id', fields.traceId)
  if (fields.spanId !== '') add('span_id', fields.spanId)
  if (fields.eventName !== '') add('event_name', fields.eventName)
}

/** Joins the name of a map with that of a member to the name of their pair. */
export function joinAttributeName(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}_${name}`
}

/** Formats a number like Go's JSON: without an exponent if that is readable. */
export function formatOtlpDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  return Object.is(value, -0) ? '-0' : String(value)
}

/** Formats a number inside JSON. NaN and infinities become strings. */
export function formatOtlpDoubleJson(value: number): string {
  const text = formatOtlpDouble(value)
  return Number.isFinite(value) ? text : JSON.stringify(text)
}

/**
 * Formats a map as JSON, with members in the order of their names. The last value of a name wins.
 */
export function formatOtlpMapJson(members: readonly (readonly [string, string])[]): string {
  const sorted = [...new Map(members)].sort(([a], [b]) => ascending(a, b))
  return `{${sorted.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`
}

/**
 * A time sent as nanoseconds since 1970, split into seconds and nanoseconds. Both are 0 if absent.
 */
export interface OtlpTime {
  seconds: number
  nanos: number
}

/** Splits a time into seconds and nanoseconds. */
export function splitOtlpTime(ns: bigint): OtlpTime {
  return { seconds: Number(ns / nsPerSecond), nanos: Number(ns % nsPerSecond) }
}
