// Reads protobuf fields from bytes, for all codecs of pushes. Checks everything against the end of
// its message, so that no length leads outside of it.

import type protobuf from 'protobufjs/minimal.js'
import { PushBodyError } from './errors.ts'

export const wireVarint = 0
export const wireFixed64 = 1
export const wireBytes = 2
export const wireFixed32 = 5

/** Returns the error for a body that violates its protocol. */
export function malformed(why: string, cause?: unknown): PushBodyError {
  return new PushBodyError(why, { code: 'PUSH_BODY_MALFORMED', cause })
}

/** @throws PushBodyError PUSH_BODY_MALFORMED when a field has the wrong wire type. */
export function checkWireType(tag: number, wanted: number, field: string): void {
  if ((tag & 7) !== wanted) throw malformed(`proto: wrong wireType = ${tag & 7} for field ${field}`)
}

/** Checks the wire type of a length-delimited field. Returns where it ends. */
export function openMessage(
  reader: protobuf.Reader,
  tag: number,
  end: number,
  field: string,
): number {
  checkWireType(tag, wireBytes, field)
  const length = reader.uint32()
  const messageEnd = reader.pos + length
  if (messageEnd > end) throw malformed('unexpected EOF')
  return messageEnd
}

/** Skips any field of a message that ends at `end`. */
export function skipField(reader: protobuf.Reader, tag: number, end: number): void {
  if (tag >>> 3 === 0) throw malformed(`proto: illegal tag ${tag >>> 3} (wire type ${tag & 7})`)
  const wireType = tag & 7
  if (wireType === 4 || wireType > 5) throw malformed(`proto: illegal wireType ${wireType}`)
  reader.skipType(wireType)
  if (reader.pos > end) throw malformed('unexpected EOF')
}

/** Reads a string field of a message that ends at `end`. */
export function readText(reader: protobuf.Reader, tag: number, end: number, field: string): string {
  const textEnd = openMessage(reader, tag, end, field)
  const text = (reader.buf as Buffer).toString('utf8', reader.pos, textEnd)
  reader.pos = textEnd
  return text
}
