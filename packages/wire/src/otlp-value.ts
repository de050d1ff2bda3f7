// Reads AnyValue of OTLP directly from bytes: its kind, and its content as text or as JSON.
//
//   KeyValue     { 1: key   2: AnyValue value }
//   AnyValue     { 1: string | 2: bool | 3: int64 | 4: double
//                  | 5: { 1: repeated AnyValue } | 6: { 1: repeated KeyValue } | 7: bytes }

import type protobuf from 'protobufjs/minimal.js'
import { otlpNestingMax } from './limits.ts'
import { formatOtlpDouble, formatOtlpDoubleJson, formatOtlpMapJson } from './otlp-mapping.ts'
import {
  checkWireType,
  malformed,
  openMessage,
  readText,
  skipField,
  wireBytes,
  wireFixed64,
  wireVarint,
} from './protobuf-fields.ts'

/** Field numbers of AnyValue. */
export const valueKind = {
  none: 0,
  text: 1,
  bool: 2,
  int: 3,
  double: 4,
  list: 5,
  map: 6,
  bytes: 7,
} as const
const wireTypeOfKind = [
  0,
  wireBytes,
  wireVarint,
  wireVarint,
  wireFixed64,
  wireBytes,
  wireBytes,
  wireBytes,
] as const

/**
 * Scans an AnyValue that ends at `end`. Returns which field is set (the last one if there are
 * several) and leaves the reader at its content.
 */
export function findValue(reader: protobuf.Reader, end: number): number {
  let found = 0
  let foundAt = end
  while (reader.pos < end) {
    const tag = reader.uint32()
    const field = tag >>> 3
    if (field >= valueKind.text && field <= valueKind.bytes) {
      checkWireType(tag, wireTypeOfKind[field]!, 'Value')
      found = field
      foundAt = reader.pos
    }
    skipField(reader, tag, end)
  }
  reader.pos = foundAt
  return found
}

/** Reads the content of an AnyValue as text for a line or for metadata. */
export function readValueText(reader: protobuf.Reader, kind: number, depth: number): string {
  if (kind === valueKind.double) return formatOtlpDouble(reader.double())
  if (kind === valueKind.text || kind === valueKind.bytes) {
    const end = contentEnd(reader)
    const encoding = kind === valueKind.text ? 'utf8' : 'base64'
    return (reader.buf as Buffer).toString(encoding, reader.pos, end)
  }
  return readValueJson(reader, kind, depth)
}

/** Reads the key of a KeyValue and leaves the reader at its value, or at its end if it has none. */
export function openKeyValue(reader: protobuf.Reader, end: number): string {
  let key = ''
  let valueStart = end
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag >>> 3 === 1) key = readText(reader, tag, end, 'Key')
    else if (tag >>> 3 === 2) {
      valueStart = reader.pos
      reader.pos = openMessage(reader, tag, end, 'Value')
    } else skipField(reader, tag, end)
  }
  if (reader.pos > end) throw malformed('unexpected EOF')
  reader.pos = valueStart
  return key
}

/** Reads a length that is already checked. Returns where its content ends. */
export function contentEnd(reader: protobuf.Reader): number {
  const length = reader.uint32()
  return reader.pos + length
}

/** @throws PushBodyError PUSH_BODY_MALFORMED when lists and maps are nested too deeply. */
export function checkDepth(depth: number): void {
  if (depth >= otlpNestingMax) {
    throw malformed(`a value is nested more than ${otlpNestingMax} levels deep`)
  }
}

/** Reads the content of an AnyValue as JSON. */
function readValueJson(reader: protobuf.Reader, kind: number, depth: number): string {
  switch (kind) {
    case valueKind.none:
      return 'null'
    case valueKind.bool:
      return reader.bool() ? 'true' : 'false'
    case valueKind.int:
      return readInt64Text(reader)
    case valueKind.double:
      return formatOtlpDoubleJson(reader.double())
    case valueKind.list:
      return readListJson(reader, depth)
    case valueKind.map:
      return readMapJson(reader, depth)
    default:
      return JSON.stringify(readValueText(reader, kind, depth))
  }
}

/** Reads the next list or map and calls `visit` at the start of each item or member. */
export function eachOfValues(reader: protobuf.Reader, visit: (itemEnd: number) => void): void {
  const end = contentEnd(reader)
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag >>> 3 !== 1) {
      skipField(reader, tag, end)
      continue
    }
    const itemEnd = openMessage(reader, tag, end, 'Values')
    visit(itemEnd)
    reader.pos = itemEnd
  }
}

function readListJson(reader: protobuf.Reader, depth: number): string {
  checkDepth(depth)
  const items: string[] = []
  eachOfValues(reader, itemEnd => {
    items.push(readValueJson(reader, findValue(reader, itemEnd), depth + 1))
  })
  return `[${items.join(',')}]`
}

function readMapJson(reader: protobuf.Reader, depth: number): string {
  checkDepth(depth)
  const members: [string, string][] = []
  eachOfValues(reader, memberEnd => {
    const name = openKeyValue(reader, memberEnd)
    const kind = reader.pos < memberEnd ? findValue(reader, contentEnd(reader)) : valueKind.none
    members.push([name, readValueJson(reader, kind, depth + 1)])
  })
  return formatOtlpMapJson(members)
}

/** Reads a signed 64-bit varint exactly. */
function readInt64Text(reader: protobuf.Reader): string {
  const { buf } = reader
  let value = 0
  let factor = 1
  for (let i = 0; i < 7; i++) {
    const byte = buf[reader.pos++]!
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return String(value)
    factor *= 128
  }
  let wide = BigInt(value)
  for (let shift = 49n; shift < 70n; shift += 7n) {
    const byte = buf[reader.pos++]!
    wide |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) break
  }
  return String(BigInt.asIntN(64, wide))
}
