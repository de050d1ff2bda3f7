// Loki's JSON push: {"streams": [{"stream": {name: value}, "values": [["<ns>", "<line>", {metadata}?]]}]}.
// It produces the same columns as the protobuf format.

import { nsPerSecond, parseRfc3339, quoteGoString } from '@skald/go-dialect'
import { PushBodyError } from './errors.ts'
import { jsonBodyText } from './json-body.ts'
import type { Label } from './labels.ts'
import { jsonNestingMax } from './limits.ts'
import { type PushStream, PushStreamBuilder } from './push-stream.ts'

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

/**
 * Parses a JSON push. Timestamps are strings of whole nanoseconds. A third element of an entry is
 * an object of strings. A label value that is not a string becomes its source text.
 * @throws PushBodyError PUSH_BODY_MALFORMED with the place, as `streams[0].values[2]: why`.
 */
export function decodeJsonPush(body: Buffer): PushStream[] {
  const text = jsonBodyText(body)
  if (text.trim() === '') throw malformed('EOF')
  const root = parse(text)
  if (root === null) return []
  if (!isObject(root)) throw malformed('the body is not an object with "streams"')
  const { streams } = root
  if (streams === undefined || streams === null) return []
  if (!Array.isArray(streams)) throw malformed('streams: not a list')
  // The source text is needed only if a label value is not a string, which is rare.
  let withSource: Json | undefined
  const builder = new PushStreamBuilder()
  for (const [i, stream] of streams.entries()) {
    if (!isObject(stream)) throw malformed(`streams[${i}]: not an object`)
    let labels = stream.stream
    if (isObject(labels) && Object.values(labels).some(value => typeof value !== 'string')) {
      withSource ??= parseKeepingSource(text)
      labels = ((withSource as { streams: Json[] }).streams[i] as { stream: Json }).stream
    }
    readStream(builder, stream.values, { labelsText: formatLabels(labels, i), stream: i })
  }
  return builder.build()
}

function malformed(why: string, cause?: unknown): PushBodyError {
  return new PushBodyError(why, { code: 'PUSH_BODY_MALFORMED', cause })
}

function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Parses the first JSON value of a body and ignores everything after it, like Loki. */
function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    const end = firstObjectEnd(text)
    if (end > 0 && end < text.length) return parse(text.slice(0, end))
    throw malformed(`the body is not JSON: ${(cause as Error).message}`, cause)
  }
}

/**
 * Returns the end of the object that a text begins with, or 0 if it never ends. Visits each
 * character once.
 */
function firstObjectEnd(text: string): number {
  let depth = 0
  return (
    1 +
    findBracket(text, bracket => {
      if (bracket === '{') depth++
      return bracket === '}' && --depth === 0
    })
  )
}

function isNestedTooDeeply(text: string): boolean {
  let depth = 0
  const at = findBracket(text, bracket => {
    depth += bracket === '{' || bracket === '[' ? 1 : -1
    return depth > jsonNestingMax
  })
  return at >= 0
}

/**
 * Returns the index of the first bracket outside strings for which `isWanted` returns true, or -1.
 * Visits each character once.
 */
function findBracket(text: string, isWanted: (bracket: string) => boolean): number {
  let isString = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (isString) {
      if (character === '\\') at++
      else if (character === '"') isString = false
    } else if (character === '"') isString = true
    else if (isBracket(character) && isWanted(character)) return at
  }
  return -1
}

function isBracket(character: string): boolean {
  return character === '{' || character === '}' || character === '[' || character === ']'
}

/**
 * Parses and keeps the source text of every number, nested ones too, so that `1.0` stays `1.0`.
 * Checks the depth first: the cost of a parse that overflows the stack grows faster than the text.
 */
function parseKeepingSource(text: string): Json {
  if (isNestedTooDeeply(text)) throw malformed('the body is nested too deeply')
  const reviver = (_key: string, value: Json, context?: { source?: string }): Json =>
    typeof value === 'number' && context?.source !== undefined
      ? (rawJson(context.source) as Json)
      : value
  return JSON.parse(text, reviver) as Json
}

/**
 * Returns an object that JSON.stringify writes unchanged. TypeScript's library has no type for it
 * yet.
 */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON: (source: string) => object }

/**
 * Formats the labels like the protobuf format. Invalid names are found when that text is parsed.
 */
function formatLabels(labels: Json | undefined, stream: number): string {
  if (labels === undefined || labels === null) return '{}'
  if (!isObject(labels)) throw malformed(`streams[${stream}].stream: not an object of strings`)
  const pairs = Object.entries(labels).map(([name, value]) => {
    const valueText = typeof value === 'string' ? value : JSON.stringify(value)
    return `${name}=${quoteGoString(valueText)}`
  })
  return `{${pairs.join(', ')}}`
}

function readStream(
  builder: PushStreamBuilder,
  values: Json | undefined,
  { labelsText, stream }: { readonly labelsText: string; readonly stream: number },
): void {
  if (values === undefined || values === null) {
    builder.endStream(labelsText, Buffer.alloc(0))
    return
  }
  if (!Array.isArray(values)) throw malformed(`streams[${stream}].values: not a list`)
  const lines: string[] = []
  let offset = 0
  for (const [i, value] of values.entries()) {
    const where = `streams[${stream}].values[${i}]`
    if (!Array.isArray(value) || value.length === 0) {
      throw malformed(`${where}: not a list of timestamp and line`)
    }
    const [timestamp, line = '', metadata] = value
    if (typeof line !== 'string') throw malformed(`${where}[1]: the line is not a string`)
    const { seconds, nanos } = readTimestamp(timestamp, where)
    const length = Buffer.byteLength(line, 'utf8')
    builder.add(seconds, nanos, offset, length)
    if (metadata !== undefined) builder.setMetadata(readMetadata(metadata, where))
    lines.push(line)
    offset += length
  }
  const bytes = Buffer.allocUnsafe(offset)
  let at = 0
  for (const line of lines) at += bytes.write(line, at, 'utf8')
  builder.endStream(labelsText, bytes)
}

function readTimestamp(value: Json | undefined, where: string): { seconds: number; nanos: number } {
  if (typeof value !== 'string' || !/^[+-]?\d{1,19}$/.test(value)) {
    throw malformed(`${where}[0]: the timestamp is not a string of whole nanoseconds`)
  }
  const ns = BigInt(value)
  if (ns !== BigInt.asIntN(64, ns)) {
    throw malformed(`${where}[0]: the timestamp ${value} is out of range`)
  }
  const nanos = ((ns % nsPerSecond) + nsPerSecond) % nsPerSecond
  return { seconds: Number((ns - nanos) / nsPerSecond), nanos: Number(nanos) }
}

function readMetadata(metadata: Json, where: string): Label[] {
  if (!isObject(metadata)) {
    throw malformed(`${where}[2]: the structured metadata is not an object of strings`)
  }
  return Object.entries(metadata).map(([name, value]) => {
    if (typeof value !== 'string') throw malformed(`${where}[2].${name}: not a string`)
    return { name, value }
  })
}

/**
 * Parses the older JSON push of `/api/prom/push`: streams with `labels` as text and `entries` of
 * `{ts: RFC 3339, line}`.
 * @throws PushBodyError like decodeJsonPush.
 */
export function decodeLegacyJsonPush(body: Buffer): PushStream[] {
  const root = parse(jsonBodyText(body))
  const streams = isObject(root) ? (root.streams ?? []) : undefined
  if (!Array.isArray(streams)) throw malformed('the body is not an object with "streams"')
  const builder = new PushStreamBuilder()
  for (const [i, stream] of streams.entries()) {
    if (!isObject(stream)) throw malformed(`streams[${i}]: not an object`)
    const { labels = '{}', entries } = stream
    if (typeof labels !== 'string') throw malformed(`streams[${i}].labels: not a string`)
    const values = (Array.isArray(entries) ? entries : []).map((entry, k): Json => {
      const ns =
        isObject(entry) && typeof entry.ts === 'string' ? parseRfc3339(entry.ts) : undefined
      if (!isObject(entry) || ns === undefined) {
        throw malformed(`streams[${i}].entries[${k}].ts: not an RFC 3339 time`)
      }
      return [String(ns), entry.line ?? '']
    })
    readStream(builder, values, { labelsText: labels, stream: i })
  }
  return builder.build()
}
