// Decodes OTLP log records from protobuf bytes directly into the columns of a push. Bodies that are text
// stay in the buffer they arrived in, and an attribute becomes nothing but its pair of metadata.
// It reads these fields of https://github.com/open-telemetry/opentelemetry-proto:
//
//   ExportLogsServiceRequest { 1: repeated ResourceLogs }
//   ResourceLogs { 1: Resource   2: repeated ScopeLogs }
//   Resource     { 1: repeated KeyValue attributes }
//   ScopeLogs    { 1: Scope      2: repeated LogRecord }
//   Scope        { 1: name  2: version  3: repeated KeyValue attributes  4: uint32 dropped attributes }
//   LogRecord    { 1: fixed64 time   2: severity number   3: severity text   5: AnyValue body
//                  6: repeated KeyValue attributes   7: uint32 dropped attributes   8: fixed32 flags
//                  9: trace id   10: span id   11: fixed64 observed time   12: event name }
// and KeyValue. otlp-value.ts reads its AnyValue.

import protobuf from 'protobufjs/minimal.js'
import { PushBodyError } from './errors.ts'
import { type Label, normaliseLabelName } from './labels.ts'
import {
  addRecordFields,
  addScopeFields,
  emptyRecordFields,
  joinAttributeName,
  type OtlpAction,
  type OtlpDecoding,
  type OtlpMapping,
  OtlpResource,
  type OtlpTime,
  splitOtlpTime,
} from './otlp-mapping.ts'
import {
  checkDepth,
  contentEnd,
  eachOfValues,
  findValue,
  openKeyValue,
  readValueText,
  valueKind,
} from './otlp-value.ts'
import {
  checkWireType,
  malformed,
  openMessage,
  readText,
  skipField,
  wireBytes,
  wireFixed32,
  wireFixed64,
  wireVarint,
} from './protobuf-fields.ts'
import { type PushStream, PushStreamBuilder } from './push-stream.ts'

/** State that every level of the decoder needs. */
interface Decoder {
  readonly reader: protobuf.Reader
  readonly builder: PushStreamBuilder
  readonly mapping: OtlpMapping
  readonly now: OtlpTime
  /** Lines of bodies that are not text. They are appended to the bytes of the request. */
  readonly formattedLines: string[]
  formattedBytes: number
}

/**
 * Decodes an export request into one stream per resource. If every record's body is text, the
 * streams' `bytes` is `body` itself, so `body` must not change while they are in use.
 * @throws PushBodyError PUSH_BODY_MALFORMED when the body is not such a request;
 * PUSH_BODY_TOO_LARGE for too many attributes.
 */
export function decodeOtlpLogs(body: Buffer, { mapping, nowNs }: OtlpDecoding): PushStream[] {
  const reader = protobuf.Reader.create(body)
  const decoder: Decoder = {
    reader,
    builder: new PushStreamBuilder(),
    mapping,
    now: splitOtlpTime(nowNs),
    formattedLines: [],
    formattedBytes: 0,
  }
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32()
      if (tag >>> 3 === 1) {
        readResourceLogs(decoder, openMessage(reader, tag, reader.len, 'ResourceLogs'))
      } else skipField(reader, tag, reader.len)
    }
  } catch (cause) {
    if (cause instanceof PushBodyError) throw cause
    throw malformed('unexpected EOF', cause)
  }
  const { formattedLines } = decoder
  const lines = formattedLines.length > 0 ? [body, Buffer.from(formattedLines.join(''))] : [body]
  return decoder.builder.build(lines.length > 1 ? Buffer.concat(lines) : body)
}

function readResourceLogs(decoder: Decoder, end: number): void {
  const { reader, builder, mapping } = decoder
  const resource = new OtlpResource(mapping)
  const start = reader.pos
  // The resource may come after its records, so find it first. Skipping the records is cheap.
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag >>> 3 === 1) {
      readResource(decoder, resource, openMessage(reader, tag, end, 'Resource'))
    } else skipField(reader, tag, end)
  }
  reader.pos = start
  const countBefore = builder.entryCount
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag >>> 3 === 2) {
      readScopeLogs(decoder, resource.metadata, openMessage(reader, tag, end, 'ScopeLogs'))
    } else skipField(reader, tag, end)
  }
  if (builder.entryCount > countBefore) {
    builder.endStream(resource.labelsText(), reader.buf as Buffer)
  }
}

function readResource(decoder: Decoder, resource: OtlpResource, end: number): void {
  const { reader, builder } = decoder
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag >>> 3 === 1) {
      const pairs: Label[] = []
      const attributeEnd = openMessage(reader, tag, end, 'Attributes')
      const name = readAttribute(reader, attributeEnd, { pairs, builder })
      resource.add(name, pairs)
    } else skipField(reader, tag, end)
  }
}

function readScopeLogs(decoder: Decoder, ofResource: readonly Label[], end: number): void {
  const { reader, builder } = decoder
  const start = reader.pos
  const scopePairs: Label[] = []
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag >>> 3 === 1) readScope(decoder, scopePairs, openMessage(reader, tag, end, 'Scope'))
    else skipField(reader, tag, end)
  }
  builder.countPairs(ofResource.length)
  // Records without own attributes share this list.
  const shared = scopePairs.length > 0 ? [...ofResource, ...scopePairs] : ofResource
  reader.pos = start
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag >>> 3 === 2) readRecord(decoder, shared, openMessage(reader, tag, end, 'LogRecords'))
    else skipField(reader, tag, end)
  }
}

function readScope(decoder: Decoder, scopePairs: Label[], end: number): void {
  const { reader, builder, mapping } = decoder
  let name = ''
  let version = ''
  let droppedAttributesCount = 0
  while (reader.pos < end) {
    const tag = reader.uint32()
    switch (tag >>> 3) {
      case 1:
        name = readText(reader, tag, end, 'Name')
        break
      case 2:
        version = readText(reader, tag, end, 'Version')
        break
      case 3: {
        const attributeEnd = openMessage(reader, tag, end, 'Attributes')
        readAttribute(reader, attributeEnd, { pairs: scopePairs, builder, actionOf: mapping.scope })
        break
      }
      case 4:
        droppedAttributesCount = readUint32(reader, tag, end, 'DroppedAttributesCount')
        break
      default:
        skipField(reader, tag, end)
    }
  }
  addScopeFields(scopePairs, { name, version, droppedAttributesCount })
}

function readRecord(decoder: Decoder, shared: readonly Label[], end: number): void {
  const { reader, builder, mapping, now } = decoder
  const pairs: Label[] = []
  const fields = emptyRecordFields()
  const time: OtlpTime = { seconds: 0, nanos: 0 }
  const observed: OtlpTime = { seconds: 0, nanos: 0 }
  let lineStart = 0
  let lineLength = 0
  while (reader.pos < end) {
    const tag = reader.uint32()
    switch (tag >>> 3) {
      case 1:
        readTime(reader, tag, end, time)
        break
      case 2:
        fields.severityNumber = readUint32(reader, tag, end, 'SeverityNumber') | 0
        break
      case 3:
        fields.severityText = readText(reader, tag, end, 'SeverityText')
        break
      case 5: {
        const bodyEnd = openMessage(reader, tag, end, 'Body')
        const kind = findValue(reader, bodyEnd)
        if (kind === valueKind.text) {
          lineLength = reader.uint32()
          lineStart = reader.pos
        } else {
          const line = kind === valueKind.none ? '' : readValueText(reader, kind, 0)
          lineStart = reader.len + decoder.formattedBytes
          lineLength = Buffer.byteLength(line, 'utf8')
          decoder.formattedLines.push(line)
          decoder.formattedBytes += lineLength
        }
        reader.pos = bodyEnd
        break
      }
      case 6: {
        const attributeEnd = openMessage(reader, tag, end, 'Attributes')
        readAttribute(reader, attributeEnd, { pairs, builder, actionOf: mapping.record })
        break
      }
      case 7:
        fields.droppedAttributesCount = readUint32(reader, tag, end, 'DroppedAttributesCount')
        break
      case 8:
        checkWireType(tag, wireFixed32, 'Flags')
        if (reader.pos + 4 > end) throw malformed('unexpected EOF')
        fields.flags = reader.fixed32()
        break
      case 9:
        fields.traceId = readId(reader, openMessage(reader, tag, end, 'TraceId'), 16)
        break
      case 10:
        fields.spanId = readId(reader, openMessage(reader, tag, end, 'SpanId'), 8)
        break
      case 11:
        readTime(reader, tag, end, observed)
        break
      case 12:
        fields.eventName = readText(reader, tag, end, 'EventName')
        break
      default:
        skipField(reader, tag, end)
    }
  }
  const isTimed = time.seconds !== 0 || time.nanos !== 0
  const isObserved = observed.seconds !== 0 || observed.nanos !== 0
  if (isTimed && isObserved) fields.observedNs = formatTime(observed)
  const { seconds, nanos } = isTimed ? time : isObserved ? observed : now
  addRecordFields(pairs, fields)
  builder.add(seconds, nanos, lineStart, lineLength)
  builder.countPairs(shared.length)
  builder.setMetadata(pairs.length > 0 ? [...pairs, ...shared] : shared)
}

function readUint32(reader: protobuf.Reader, tag: number, end: number, field: string): number {
  checkWireType(tag, wireVarint, field)
  const value = reader.uint32()
  if (reader.pos > end) throw malformed('unexpected EOF')
  return value
}

/** Reads unsigned nanoseconds without a bigint. Each unit of the upper half is 4.294967296 s. */
function readTime(reader: protobuf.Reader, tag: number, end: number, time: OtlpTime): void {
  checkWireType(tag, wireFixed64, 'TimeUnixNano')
  if (reader.pos + 8 > end) throw malformed('unexpected EOF')
  const low = reader.fixed32()
  const high = reader.fixed32()
  // 65,536 times 4.294967296 s are 281,474 s and 976,710,656 ns. No product here exceeds 2^53.
  const upper = high >>> 16
  const lower = high & 0xffff
  const nanos = upper * 976_710_656 + lower * 294_967_296 + low
  time.seconds = upper * 281_474 + lower * 4 + Math.floor(nanos / 1e9)
  time.nanos = nanos % 1e9
}

function formatTime({ seconds, nanos }: OtlpTime): string {
  return seconds === 0 ? String(nanos) : `${seconds}${String(nanos).padStart(9, '0')}`
}

/** Reads an id as hexadecimal text. An id of zeros counts as absent. */
function readId(reader: protobuf.Reader, end: number, length: number): string {
  const start = reader.pos
  reader.pos = end
  if (end === start) return ''
  if (end - start !== length) {
    throw malformed(`invalid length for ${length === 16 ? 'TraceID' : 'SpanID'}: ${end - start}`)
  }
  const text = (reader.buf as Buffer).toString('hex', start, end)
  return /[^0]/.test(text) ? text : ''
}

interface AttributeTarget {
  readonly pairs: Label[]
  readonly builder: PushStreamBuilder
  /** Attributes for which this returns `drop` are not read. */
  readonly actionOf?: (name: string) => OtlpAction
}

/** Reads an attribute and adds its pairs. Returns its name. */
function readAttribute(reader: protobuf.Reader, end: number, target: AttributeTarget): string {
  const name = openKeyValue(reader, end)
  if (target.actionOf?.(name) !== 'drop') {
    flattenValue(reader, { name, end, depth: 0 }, target)
  }
  reader.pos = end
  return name
}

interface NamedValue {
  readonly name: string
  /** End of the KeyValue that contains the value. */
  readonly end: number
  readonly depth: number
}

/** Adds the pair of a value, or those of its members if it is a map. */
function flattenValue(
  reader: protobuf.Reader,
  { name, end, depth }: NamedValue,
  { pairs, builder }: AttributeTarget,
): void {
  const kind = reader.pos < end ? findValue(reader, contentEnd(reader)) : valueKind.none
  if (kind !== valueKind.map) {
    builder.countPairs(1)
    const value = kind === valueKind.none ? '' : readValueText(reader, kind, depth)
    pairs.push({ name: normaliseLabelName(name), value })
    return
  }
  checkDepth(depth)
  eachOfValues(reader, memberEnd => {
    const memberName = joinAttributeName(name, openKeyValue(reader, memberEnd))
    const member = { name: memberName, end: memberEnd, depth: depth + 1 }
    flattenValue(reader, member, { pairs, builder })
  })
}

/** Encodes a google.rpc.Status for a rejected export request. Field 2 is the message. */
export function encodeOtlpError(message: string): Buffer {
  const writer = protobuf.Writer.create()
  return writer
    .uint32((2 << 3) | wireBytes)
    .string(message)
    .finish() as Buffer
}

/** Encodes a google.rpc.Status with a google.rpc.RetryInfo, which says when to send the request again. */
export function encodeRetryStatus(code: number, message: string, seconds: number): Buffer {
  const retryInfo = protobuf.Writer.create().uint32(0x0a).fork()
  retryInfo.uint32(0x08).int64(seconds).ldelim()
  const writer = protobuf.Writer.create().uint32(0x08).int32(code).uint32(0x12).string(message)
  writer.uint32(0x1a).fork()
  writer.uint32(0x0a).string('type.googleapis.com/google.rpc.RetryInfo')
  writer.uint32(0x12).bytes(retryInfo.finish())
  return writer.ldelim().finish() as Buffer
}

/** Encodes an ExportLogsServiceResponse with how many records were refused for good, and why. */
export function encodeExportResponse(rejectedCount: number, message: string): Buffer {
  const writer = protobuf.Writer.create()
  if (rejectedCount === 0) return writer.finish() as Buffer
  writer.uint32(0x0a).fork().uint32(0x08).int64(rejectedCount).uint32(0x12).string(message)
  return writer.ldelim().finish() as Buffer
}
