// Decodes OTLP log records in JSON: protobuf's JSON format, with ids in hexadecimal. Field names
// may be written as in the protocol (`resource_logs`) or in camel case, and 64-bit numbers as text.
// It produces the same columns as the binary format.

import { jsonBodyText } from './json-body.ts'
import { type Label, normaliseLabelName } from './labels.ts'
import { otlpNestingMax } from './limits.ts'
import {
  addRecordFields,
  addScopeFields,
  emptyRecordFields,
  formatOtlpDouble,
  formatOtlpDoubleJson,
  formatOtlpMapJson,
  joinAttributeName,
  type OtlpAction,
  type OtlpDecoding,
  type OtlpMapping,
  OtlpResource,
  type OtlpTime,
  splitOtlpTime,
} from './otlp-mapping.ts'
import { malformed } from './protobuf-fields.ts'
import { type PushStream, PushStreamBuilder } from './push-stream.ts'

type Json = null | boolean | number | string | Json[] | JsonObject
type JsonObject = { [name: string]: Json }

/** A value and its path, for error messages. */
interface Place {
  readonly json: JsonObject
  readonly path: string
}

/** State that every level of the decoder needs. */
interface Decoder {
  readonly builder: PushStreamBuilder
  readonly mapping: OtlpMapping
  readonly now: OtlpTime
  readonly lines: string[]
  lineBytes: number
}

/**
 * Decodes an export request in JSON into one stream per resource.
 * @throws PushBodyError PUSH_BODY_MALFORMED with the place; PUSH_BODY_TOO_LARGE for too many
 * attributes.
 */
export function decodeOtlpJsonLogs(body: Buffer, { mapping, nowNs }: OtlpDecoding): PushStream[] {
  const root = parse(jsonBodyText(body))
  if (!isObject(root)) throw malformed('the body is not an object with "resourceLogs"')
  const decoder: Decoder = {
    builder: new PushStreamBuilder(),
    mapping,
    now: splitOtlpTime(nowNs),
    lines: [],
    lineBytes: 0,
  }
  for (const resourceLogs of objectsOf({ json: root, path: '' }, 'resourceLogs')) {
    readResourceLogs(decoder, resourceLogs)
  }
  return decoder.builder.build(Buffer.from(decoder.lines.join('')))
}

/**
 * Matches a number after a colon that JavaScript would round. It also matches inside texts, which
 * only costs time.
 */
const wideNumber = /:\s*-?\d{16,}/

function parse(text: string): Json {
  try {
    return wideNumber.test(text) ? parseKeepingSource(text) : (JSON.parse(text) as Json)
  } catch (cause) {
    throw malformed(`the body is not JSON: ${(cause as Error).message}`, cause)
  }
}

/** Parses and keeps the source text of every number that JavaScript would round. */
function parseKeepingSource(text: string): Json {
  const reviver = (_key: string, value: Json, context?: { source?: string }): Json =>
    typeof value === 'number' && !Number.isSafeInteger(value) ? (context?.source ?? value) : value
  return JSON.parse(text, reviver) as Json
}

function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function readResourceLogs(decoder: Decoder, place: Place): void {
  const { builder, mapping } = decoder
  const resource = new OtlpResource(mapping)
  const sent = objectOf(place, 'resource')
  for (const attribute of sent ? objectsOf(sent, 'attributes') : []) {
    const pairs: Label[] = []
    resource.add(readAttribute(attribute, { pairs, builder }), pairs)
  }
  const countBefore = builder.entryCount
  for (const scopeLogs of objectsOf(place, 'scopeLogs')) {
    readScopeLogs(decoder, resource.metadata, scopeLogs)
  }
  if (builder.entryCount > countBefore) builder.endStream(resource.labelsText(), noLines)
}

/** The memory for the lines is allocated when all of them are known. */
const noLines = Buffer.alloc(0)

function readScopeLogs(decoder: Decoder, ofResource: readonly Label[], place: Place): void {
  const { builder, mapping } = decoder
  const pairs: Label[] = []
  const scope = objectOf(place, 'scope')
  if (scope) {
    for (const attribute of objectsOf(scope, 'attributes')) {
      readAttribute(attribute, { pairs, builder, actionOf: mapping.scope })
    }
    addScopeFields(pairs, {
      name: textOf(scope, 'name'),
      version: textOf(scope, 'version'),
      droppedAttributesCount: countOf(scope, 'droppedAttributesCount'),
    })
  }
  builder.countPairs(ofResource.length)
  const shared = pairs.length > 0 ? [...ofResource, ...pairs] : ofResource
  for (const record of objectsOf(place, 'logRecords')) readRecord(decoder, shared, record)
}

function readRecord(decoder: Decoder, shared: readonly Label[], place: Place): void {
  const { builder, mapping, now } = decoder
  const pairs: Label[] = []
  for (const attribute of objectsOf(place, 'attributes')) {
    readAttribute(attribute, { pairs, builder, actionOf: mapping.record })
  }
  const timeNs = timeOf(place, 'timeUnixNano')
  const observedNs = timeOf(place, 'observedTimeUnixNano')
  const fields = emptyRecordFields()
  if (timeNs !== 0n && observedNs !== 0n) fields.observedNs = String(observedNs)
  fields.severityNumber = severityOf(place)
  fields.severityText = textOf(place, 'severityText')
  fields.droppedAttributesCount = countOf(place, 'droppedAttributesCount')
  fields.flags = countOf(place, 'flags')
  fields.traceId = idOf(place, 'traceId', 16)
  fields.spanId = idOf(place, 'spanId', 8)
  fields.eventName = textOf(place, 'eventName')
  addRecordFields(pairs, fields)
  const body = objectOf(place, 'body')
  const line = body ? formatText(body, 0) : ''
  const length = Buffer.byteLength(line, 'utf8')
  const sentNs = timeNs !== 0n ? timeNs : observedNs
  const { seconds, nanos } = sentNs !== 0n ? splitOtlpTime(sentNs) : now
  builder.add(seconds, nanos, decoder.lineBytes, length)
  builder.countPairs(shared.length)
  builder.setMetadata(pairs.length > 0 ? [...pairs, ...shared] : shared)
  decoder.lines.push(line)
  decoder.lineBytes += length
}

interface AttributeTarget {
  readonly pairs: Label[]
  readonly builder: PushStreamBuilder
  /** Attributes for which this returns `drop` are not read. */
  readonly actionOf?: (name: string) => OtlpAction
}

/** Adds the pairs of an attribute. Returns its name. */
function readAttribute(place: Place, target: AttributeTarget): string {
  const name = textOf(place, 'key')
  if (target.actionOf?.(name) !== 'drop') {
    flattenValue(objectOf(place, 'value'), { name, depth: 0 }, target)
  }
  return name
}

function flattenValue(
  value: Place | undefined,
  { name, depth }: { readonly name: string; readonly depth: number },
  target: AttributeTarget,
): void {
  const map = value && objectOf(value, 'kvlistValue')
  if (!map) {
    target.builder.countPairs(1)
    target.pairs.push({
      name: normaliseLabelName(name),
      value: value ? formatText(value, depth) : '',
    })
    return
  }
  checkDepth(map, depth)
  for (const member of objectsOf(map, 'values')) {
    const memberName = joinAttributeName(name, textOf(member, 'key'))
    flattenValue(objectOf(member, 'value'), { name: memberName, depth: depth + 1 }, target)
  }
}

function checkDepth({ path }: Place, depth: number): void {
  if (depth >= otlpNestingMax) {
    throw malformed(`${path.slice(0, 80)}…: a value is nested more than ${otlpNestingMax} levels`)
  }
}

/** Formats a value as text for a line or for metadata. */
function formatText(value: Place, depth: number): string {
  const text = get(value.json, 'stringValue')
  if (typeof text === 'string') return text
  const bytes = get(value.json, 'bytesValue')
  if (typeof bytes === 'string') return Buffer.from(bytes, 'base64').toString('base64')
  const double = get(value.json, 'doubleValue')
  if (double !== undefined) return formatOtlpDouble(doubleOf(value))
  const json = formatJson(value, depth)
  return json === 'null' ? '' : json
}

/** Formats a value as JSON. */
function formatJson(value: Place, depth: number): string {
  const { json, path } = value
  const list = objectOf(value, 'arrayValue')
  if (list) {
    checkDepth(list, depth)
    const items = objectsOf(list, 'values').map(item => formatJson(item, depth + 1))
    return `[${items.join(',')}]`
  }
  const map = objectOf(value, 'kvlistValue')
  if (map) {
    checkDepth(map, depth)
    return formatOtlpMapJson(
      objectsOf(map, 'values').map(member => {
        const inner = objectOf(member, 'value')
        return [textOf(member, 'key'), inner ? formatJson(inner, depth + 1) : 'null'] as const
      }),
    )
  }
  const bool = get(json, 'boolValue')
  if (typeof bool === 'boolean') return String(bool)
  if (get(json, 'intValue') !== undefined) return String(integerOf(value, 'intValue'))
  if (get(json, 'doubleValue') !== undefined) return formatOtlpDoubleJson(doubleOf(value))
  if (get(json, 'stringValue') !== undefined || get(json, 'bytesValue') !== undefined) {
    return JSON.stringify(formatText(value, depth))
  }
  if (bool !== undefined) throw malformed(`${path}.boolValue: not true or false`)
  return 'null'
}

/**
 * Returns a field by its camel-case name or its name in the protocol. A null field counts as
 * absent.
 */
function get(json: JsonObject, name: string): Json | undefined {
  return own(json, name) ?? own(json, protocolNames[name] ?? name) ?? undefined
}

function own(json: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(json, name) ? json[name] : undefined
}

/** Protocol names of the fields with more than one word. */
const protocolNames: Readonly<Record<string, string>> = {
  resourceLogs: 'resource_logs',
  scopeLogs: 'scope_logs',
  logRecords: 'log_records',
  droppedAttributesCount: 'dropped_attributes_count',
  timeUnixNano: 'time_unix_nano',
  observedTimeUnixNano: 'observed_time_unix_nano',
  severityNumber: 'severity_number',
  severityText: 'severity_text',
  traceId: 'trace_id',
  spanId: 'span_id',
  eventName: 'event_name',
  stringValue: 'string_value',
  boolValue: 'bool_value',
  intValue: 'int_value',
  doubleValue: 'double_value',
  arrayValue: 'array_value',
  kvlistValue: 'kvlist_value',
  bytesValue: 'bytes_value',
}

function objectOf({ json, path }: Place, name: string): Place | undefined {
  const value = get(json, name)
  if (value === undefined) return undefined
  const place = path === '' ? name : `${path}.${name}`
  if (!isObject(value)) throw malformed(`${place}: not an object`)
  return { json: value, path: place }
}

function objectsOf({ json, path }: Place, name: string): Place[] {
  const value = get(json, name)
  if (value === undefined) return []
  const place = path === '' ? name : `${path}.${name}`
  if (!Array.isArray(value)) throw malformed(`${place}: not a list`)
  return value.map((item, i) => {
    if (!isObject(item)) throw malformed(`${place}[${i}]: not an object`)
    return { json: item, path: `${place}[${i}]` }
  })
}

function textOf({ json, path }: Place, name: string): string {
  const value = get(json, name) ?? ''
  if (typeof value !== 'string') throw malformed(`${path}.${name}: not a string`)
  return value
}

/** Reads a 64-bit integer, sent as a number or as text. */
function integerOf({ json, path }: Place, name: string): bigint {
  const value = get(json, name) ?? 0
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string' || !/^[+-]?\d{1,20}$/.test(text)) {
    throw malformed(`${path}.${name}: not a whole number`)
  }
  return BigInt(text)
}

function countOf(place: Place, name: string): number {
  return Number(unsignedOf(place, name, 32))
}

function timeOf(place: Place, name: string): bigint {
  return unsignedOf(place, name, 64)
}

function unsignedOf(place: Place, name: string, bits: number): bigint {
  const value = integerOf(place, name)
  if (value !== BigInt.asUintN(bits, value)) {
    throw malformed(`${place.path}.${name}: ${value} is out of range`)
  }
  return value
}

function doubleOf({ json, path }: Place): number {
  const value = get(json, 'doubleValue')
  // Text is used for numbers that JSON does not have, and for those that parsing would have
  // rounded.
  const number = typeof value === 'string' ? Number(value) : value
  const isNumber = typeof number === 'number' && (!Number.isNaN(number) || value === 'NaN')
  if (!isNumber || value === '') throw malformed(`${path}.doubleValue: not a number`)
  return number
}

const severityNames = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']

/** Reads the severity, sent as a number or as its name in the protocol. */
function severityOf(place: Place): number {
  const value = get(place.json, 'severityNumber')
  if (typeof value !== 'string' || /^[+-]?\d/.test(value)) {
    return Number(BigInt.asIntN(32, integerOf(place, 'severityNumber')))
  }
  const match = /^SEVERITY_NUMBER_(?:UNSPECIFIED|([A-Z]+)([234]?))$/.exec(value)
  const level = match?.[1] === undefined ? -1 : severityNames.indexOf(match[1])
  if (!match || (match[1] !== undefined && level < 0)) {
    throw malformed(`${place.path}.severityNumber: ${JSON.stringify(value)} is not a severity`)
  }
  return level < 0 ? 0 : level * 4 + Number(match[2] || '1')
}

/** Reads an id in hexadecimal. An id of zeros counts as absent. */
function idOf(place: Place, name: string, length: number): string {
  const text = textOf(place, name)
  if (text === '') return ''
  if (!/^[0-9a-fA-F]*$/.test(text) || text.length !== length * 2) {
    throw malformed(`${place.path}.${name}: not ${length} bytes in hexadecimal`)
  }
  return /[^0]/.test(text) ? text.toLowerCase() : ''
}
