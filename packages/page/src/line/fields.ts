// Fields of a line: its labels, metadata, and what is in a line of JSON or logfmt. Names are those that LogQL's stages
// `json` and `logfmt` give them, so that a filter finds the line again.

import { lineFieldsMax, readCharsMax } from '../limits.ts'
import type { Row } from './row.ts'

export type FieldOrigin = 'label' | 'metadata' | 'parsed' | 'json' | 'logfmt'

export interface Field {
  readonly name: string
  readonly value: string
  readonly origin: FieldOrigin
}

/** Returns all fields of a row: first those in the line. */
export function fieldsOf(row: Row): Field[] {
  const found = lineFields(row.line)
  const known = new Set(found.map(({ name }) => name))
  const add = (labels: Readonly<Record<string, string>>, origin: FieldOrigin) => {
    for (const [name, value] of Object.entries(labels)) {
      if (origin === 'parsed' && known.has(name)) continue
      found.push({ name, value, origin })
    }
  }
  add(row.parsed, 'parsed')
  add(row.metadata, 'metadata')
  add(row.stream, 'label')
  return found.slice(0, lineFieldsMax)
}

/** Returns the fields in a line of JSON or logfmt; none if it is neither. */
export function lineFields(line: string): Field[] {
  if (line.length > readCharsMax) return []
  const start = line.trimStart()
  if (start.startsWith('{')) return jsonFields(start)
  return logfmtFields(line)
}

function jsonFields(text: string): Field[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // No JSON after all: the line has no fields.
    return []
  }
  const fields: Field[] = []
  flatten(value, '', fields, 0)
  return fields
}

/** Like `| json`: nested names are joined with `_`, lists are left out, other characters become `_`. */
function flatten(value: unknown, prefix: string, fields: Field[], depth: number): void {
  if (value === null || typeof value !== 'object' || depth > 20) return
  for (const [key, inner] of Object.entries(value)) {
    if (fields.length >= lineFieldsMax) return
    const name = fieldName(prefix === '' ? key : `${prefix}_${key}`)
    if (Array.isArray(inner) || inner === null) continue
    if (typeof inner === 'object') flatten(inner, name, fields, depth + 1)
    else fields.push({ name, value: String(inner), origin: 'json' })
  }
}

function fieldName(text: string): string {
  const name = text.replaceAll(/[^a-zA-Z0-9_]/g, '_')
  return /^\d/.test(name) ? `_${name}` : name
}

const logfmtPair = /(?:^|\s)([A-Za-z_][\w.\-/]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|$)/g

/** A line counts as logfmt if it has two pairs at least, or nothing else. */
function logfmtFields(line: string): Field[] {
  const fields: Field[] = []
  let covered = 0
  for (const [whole, key = '', quoted, bare = ''] of line.matchAll(logfmtPair)) {
    if (fields.length >= lineFieldsMax) break
    covered += whole.length
    const value = quoted === undefined ? bare : unquote(quoted)
    fields.push({ name: fieldName(key), value, origin: 'logfmt' })
  }
  const isLogfmt = fields.length >= 2 && covered * 2 > line.trim().length
  return isLogfmt || (fields.length === 1 && covered >= line.trim().length) ? fields : []
}

function unquote(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, char: string) =>
    char === 'n' ? '\n' : char === 't' ? '\t' : char,
  )
}

/** Returns the value of a field by its name, or an empty text. */
export function fieldValue(row: Row, name: string): string {
  const own = row.parsed[name] ?? row.metadata[name] ?? row.stream[name]
  if (own !== undefined) return own
  return lineFields(row.line).find(field => field.name === name)?.value ?? ''
}
