// Logs in Datadog's form: a list of objects, or one, with `message`, `ddsource`, `ddtags`, `hostname`, `service`, `status`
// and `timestamp`.

import { documentBytesMax } from '../../limits.ts'
import type { DocumentFields } from '../document/document-fields.ts'
import { fieldsOf } from '../document/document-fields.ts'
import { isJsonObject, type Json, jsonText, parseDocument } from '../document/exact-json.ts'
import { checkEntryCount } from '../receiver-route.ts'

/** One log. */
export interface DatadogLog {
  readonly fields: DocumentFields
  readonly ddsource: string
  /** The log as sent. */
  readonly source: string
}

/** Names of tags that are fields by other names, so that labels come from them. */
const fieldOfTag: Readonly<Record<string, string>> = {
  env: 'environment',
  kube_namespace: 'kubernetes.namespace_name',
  pod_name: 'kubernetes.pod_name',
  kube_container_name: 'kubernetes.container_name',
  kube_app_name: 'app',
  kube_node: 'kubernetes.node.name',
}

/**
 * Yields the logs of a JSON body, or why one of them is none. Empty ones are tests of the connection.
 *
 * @param given What the URL says about all logs: `ddsource`, `ddtags`, `hostname`, `service`.
 * @throws SyntaxError when the body is not JSON; PushBodyError when it has too many logs.
 */
export function* readDatadogLogs(
  text: string,
  given: URLSearchParams,
): Generator<DatadogLog | SyntaxError> {
  let count = 0
  for (const part of partsOf(text)) {
    checkEntryCount(++count)
    if (part.length > documentBytesMax) {
      yield new SyntaxError(`longer than ${documentBytesMax} bytes`)
      continue
    }
    const log = parsePart(part, count)
    if (!isJsonObject(log)) {
      yield new SyntaxError('a log is not a JSON object')
      continue
    }
    if (Object.keys(log).length === 0) continue
    try {
      yield datadogLog(fieldsOf(log), jsonText(log), given)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      yield error
    }
  }
}

function parsePart(part: string, number: number): Json {
  try {
    return parseDocument(part)
  } catch (cause) {
    throw new SyntaxError(`log ${number}: ${(cause as Error).message}`, { cause })
  }
}

/**
 * Yields the texts of the items of a list, or the whole text if it is no list. Parsed together, a list of millions of small
 * items would take many times the memory of its text.
 * @throws SyntaxError when the list does not end, or something comes after it.
 */
function* partsOf(text: string): Generator<string> {
  const open = text.search(/\S/)
  if (text[open] !== '[') {
    yield text
    return
  }
  let depth = 0
  let start = open + 1
  let isString = false
  for (let at = open; at < text.length; at++) {
    const character = text[at]
    if (isString) {
      if (character === '\\') at++
      else if (character === '"') isString = false
    } else if (character === '"') isString = true
    else if (character === '[' || character === '{') depth++
    else if (character === ']' || character === '}') {
      depth--
      if (depth > 0) continue
      if (character !== ']') break
      const last = text.slice(start, at)
      if (start > open + 1 || last.trim() !== '') yield last
      if (/\S/.test(text.slice(at + 1))) throw new SyntaxError('something comes after the list')
      return
    } else if (character === ',' && depth === 1) {
      yield text.slice(start, at)
      start = at + 1
    }
  }
  throw new SyntaxError('the list does not end')
}

/** Makes a log of one line of text. */
export function datadogLine(line: string, given: URLSearchParams): DatadogLog {
  return datadogLog(new Map([['message', line]]), line, given)
}

const givenNames = ['ddsource', 'ddtags', 'hostname', 'service'] as const

function datadogLog(fields: DocumentFields, source: string, given: URLSearchParams): DatadogLog {
  for (const name of givenNames) {
    const value = given.get(name)
    if (value && !fields.has(name)) fields.set(name, value)
  }
  const ddsource = fields.get('ddsource') ?? ''
  fields.delete('ddsource')
  spreadTags(fields)
  const status = fields.get('status')
  if (status !== undefined && !fields.has('level')) {
    fields.set('level', status)
    fields.delete('status')
  }
  return { fields, ddsource, source }
}

/** Turns `env:prod,team:a` into fields. Tags without a value stay in `ddtags`; equal names share a field. */
function spreadTags(fields: DocumentFields): void {
  const rest: string[] = []
  const values = new Map<string, string[]>()
  for (const tag of (fields.get('ddtags') ?? '').split(',')) {
    const at = tag.indexOf(':')
    if (at > 0) {
      const name = tag.slice(0, at).trim()
      const field = Object.hasOwn(fieldOfTag, name) ? fieldOfTag[name]! : name
      const list = values.get(field) ?? []
      list.push(tag.slice(at + 1).trim())
      values.set(field, list)
    } else if (tag.trim() !== '') rest.push(tag.trim())
  }
  if (rest.length > 0) fields.set('ddtags', rest.join(','))
  else fields.delete('ddtags')
  for (const [name, list] of values) if (!fields.has(name)) fields.set(name, list.join(','))
}
