// Events of Splunk's HTTP Event Collector: JSON objects one after another, with or without anything between them.
//
//   {"time": 1433188255.5, "host": "h", "sourcetype": "t", "event": "text, or an object", "fields": {"a": "b"}}

import { documentBytesMax, strayTextCharsMax } from '../../limits.ts'
import { isJsonObject, type JsonObject, parseDocument } from '../document/exact-json.ts'

/** Splunk's numbers for what is wrong. */
export const hecCodes = {
  success: 0,
  tokenMissing: 2,
  tokenWrong: 4,
  noData: 5,
  malformed: 6,
  internal: 8,
  busy: 9,
  channelMissing: 10,
  eventMissing: 12,
  eventBlank: 13,
  healthy: 17,
} as const

/** Thrown when an event is none. */
export class HecEventError extends SyntaxError {
  readonly hecCode: number

  constructor(message: string, hecCode: number, options?: ErrorOptions) {
    super(message, options)
    this.name = 'HecEventError'
    this.hecCode = hecCode
  }
}

/** Yields the text of each object. What cannot be divided further is yielded as it is, and ends the body. */
export function* splitEvents(text: string): Generator<string> {
  let depth = 0
  let start = -1
  let isString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isString) {
      if (code === backslash) at++
      else if (code === quote) isString = false
      continue
    }
    if (depth === 0) {
      if (code === openBrace) start = at
      else if (code > blank) {
        yield text.slice(at, at + strayTextCharsMax)
        return
      } else continue
    }
    if (code === quote) isString = true
    else if (code === openBrace || code === openBracket) depth++
    else if (code === closeBrace || code === closeBracket) {
      depth--
      if (depth === 0) yield text.slice(start, at + 1)
    }
  }
  if (depth > 0) yield text.slice(start)
}

const blank = 0x20
const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

/** Parses an event. @throws HecEventError when it is not one. */
export function parseEvent(text: string): JsonObject & { readonly event: JsonObject[string] } {
  const malformed = (cause?: unknown) =>
    new HecEventError('Invalid data format', hecCodes.malformed, { cause })
  if (text.length > documentBytesMax) throw malformed()
  let event: ReturnType<typeof parseDocument>
  try {
    event = parseDocument(text)
  } catch (cause) {
    throw malformed(cause)
  }
  if (!isJsonObject(event)) throw malformed()
  const { event: content } = event
  if (content === undefined || content === null) {
    throw new HecEventError('Event field is required', hecCodes.eventMissing)
  }
  if (content === '') throw new HecEventError('Event field cannot be blank', hecCodes.eventBlank)
  return { ...event, event: content }
}
