// Checks the content of a file against a schema, fills in the schema's defaults, and describes
// every mistake in words.

import { nearestName, unknownKey } from '@skald/wire'
import { Ajv, type ErrorObject } from 'ajv'
import { wholeFile } from './config-document.ts'

/** A mistake and the path of its key. */
export interface SchemaMistake {
  readonly keys: readonly string[]
  readonly message: string
}

/** The parts of a schema that messages use. */
interface ValueSchema {
  readonly type?: string | readonly string[]
  readonly anyOf?: readonly { readonly type?: string; readonly const?: unknown }[]
  readonly properties?: object
}

/** Returns the path where a key of this name belongs, or `undefined` if there is none. */
export type FindKey = (name: string) => string | undefined

/** Fills in the defaults and returns the mistakes. */
export function checkValue(
  value: unknown,
  schema: object,
  findKey: FindKey = () => undefined,
): SchemaMistake[] {
  const options = { useDefaults: true, allErrors: true, strict: false, verbose: true }
  const validate = new Ajv(options).compile(schema)
  if ((validate as (data: unknown) => boolean)(value)) return []
  const mistakes: SchemaMistake[] = []
  const told = new Set<string>()
  for (const error of validate.errors ?? []) {
    // For a union, the error of the whole is enough.
    if (/\/anyOf\/\d+\//.test(error.schemaPath)) continue
    const mistake = describeError(error, findKey)
    const where = JSON.stringify(mistake.keys)
    if (told.has(where)) continue
    told.add(where)
    mistakes.push(mistake)
  }
  return mistakes
}

function describeError(error: ErrorObject, findKey: FindKey): SchemaMistake {
  const keys = error.instancePath
    .split('/')
    .slice(1)
    .map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  const name = keys.join('.') || wholeFile
  if (error.keyword === 'additionalProperties') {
    const key = String(error.params.additionalProperty)
    const { properties } = error.parentSchema as ValueSchema
    const message = describeUnknown(key, name, { properties, elsewhere: findKey(key) })
    return { keys: [...keys, key], message }
  }
  if (error.keyword === 'required') {
    return { keys, message: `${name} needs the key ${error.params.missingProperty}` }
  }
  const found = `found ${describeValue(error.data)}`
  if (error.keyword === 'enum') {
    const choices = (error.params.allowedValues as unknown[]).filter(choice => choice !== '')
    const near = typeof error.data === 'string' ? nearestName(error.data, choices as string[]) : ''
    const hint = near ? `: did you mean ${near}?` : ''
    return { keys, message: `${name} must be one of ${choices.join(', ')}, ${found}${hint}` }
  }
  return { keys, message: `${name} must ${demandOf(error)}, ${found}` }
}

function describeUnknown(
  key: string,
  where: string,
  {
    properties = {},
    elsewhere,
  }: { readonly properties?: object | undefined; readonly elsewhere: string | undefined },
): string {
  const names = Object.entries(properties as Readonly<Record<string, { isUnfollowed?: boolean }>>)
  // Keys that Skald does not follow are not suggested as known keys, but may be what the user
  // meant.
  const [known, near] = [false, true].map(wanted =>
    names.filter(([, { isUnfollowed = false }]) => isUnfollowed === wanted).map(([name]) => name),
  )
  return unknownKey(key, where, { known: known!, near: near!, elsewhere })
}

const demandOfType: Readonly<Record<string, string>> = {
  string: 'be a text',
  boolean: 'be true or false',
  integer: 'be a whole number',
  number: 'be a number',
  array: 'be a list',
  object: 'be a map (a config block of keys and values)',
}

function demandOf({ keyword, params, parentSchema = {}, message = '' }: ErrorObject): string {
  const { type, anyOf = [] } = parentSchema as ValueSchema
  if (keyword === 'type')
    return demandOfType[[type].flat().find(one => one !== 'null') ?? ''] ?? message
  if (keyword === 'minimum') {
    return params.limit === 0 ? 'not be negative' : `be at least ${params.limit}`
  }
  if (keyword === 'maximum') return `be at most ${params.limit}`
  if (anyOf.some(choice => choice.const === 0)) return 'be a duration such as 30s, 10m or 7d'
  if (anyOf.some(choice => choice.type === 'integer'))
    return 'be a byte size such as 256KB or 1048576'
  if (anyOf.some(choice => choice.type === 'number')) return 'be a number that is not negative'
  if (anyOf.some(choice => choice.type === 'array')) return 'be a text or a list'
  if (anyOf.length > 0) return 'be a time such as 2025-01-31T12:00:00Z'
  return message.replace(/^must /, '')
}

function describeValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  if (typeof value === 'string') return `the text ${JSON.stringify(value)}`
  return typeof value === 'number' ? `the number ${value}` : String(value)
}
