// The fields of a document: members of nested objects under their path, with dots, as text.

import { documentFieldsMax, documentNestingMax, fieldNameCharsMax } from '../../limits.ts'
import { isJsonObject, type JsonObject, jsonText } from './exact-json.ts'

/** Path → value. Empty values are left out. */
export type DocumentFields = Map<string, string>

/**
 * Flattens a document: `{"a": {"b": 1}}` has the field `a.b`. Lists stay JSON.
 * @throws SyntaxError when it has too many fields, or too long a path.
 */
export function fieldsOf(document: JsonObject): DocumentFields {
  const fields: DocumentFields = new Map()
  addFields(fields, document, { prefix: '', levelsLeft: documentNestingMax })
  return fields
}

function addFields(
  fields: DocumentFields,
  object: JsonObject,
  { prefix, levelsLeft }: { readonly prefix: string; readonly levelsLeft: number },
): void {
  if (levelsLeft === 0) {
    throw new SyntaxError(`it is nested more than ${documentNestingMax} levels deep`)
  }
  for (const name in object) {
    const value = object[name]!
    const path = prefix === '' ? name : `${prefix}.${name}`
    if (path.length > fieldNameCharsMax) {
      throw new SyntaxError(
        `the name of a field is longer than ${fieldNameCharsMax} characters: ${path.slice(0, 60)}…`,
      )
    }
    if (isJsonObject(value)) {
      addFields(fields, value, { prefix: path, levelsLeft: levelsLeft - 1 })
      continue
    }
    const text = jsonText(value)
    if (text === '') continue
    if (fields.size >= documentFieldsMax) {
      throw new SyntaxError(`it has more than ${documentFieldsMax} fields`)
    }
    fields.set(path, text)
  }
}
