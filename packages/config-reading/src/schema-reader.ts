// Reads a value as a schema describes it. A schema is plain data in the words of JSON Schema, so the same table gives
// types, defaults and reference pages. The readers of single values do the reading, so mistakes have the same words
// as everywhere. Reading continues after a mistake, and the bad key gets its default.

import { unknownKey } from './config-problem.ts'
import {
  readBoolean,
  readInteger,
  readNumber,
  readOneOf,
  readText,
  withinBounds,
} from './readers.ts'
import { readWrittenBytes, readWrittenDuration, readWrittenTime } from './written-values.ts'
import type { ValueReader, YamlCursor } from './yaml-cursor.ts'

/** A schema. `description` is only for pages. */
export interface Schema {
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  /** Schema of the values of further keys. Without it, and if it is false, further keys are mistakes. True throws. */
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly minimum?: number
  readonly maximum?: number
  /**
   * Form of a text: the reader checks it and keeps it as written. This word is ours. In JSON Schema, `format` means
   * other durations and times.
   */
  readonly form?: 'duration' | 'bytes' | 'time'
  readonly default?: unknown
  /** The key is accepted with any value, and not suggested in place of others. */
  readonly isUnfollowed?: boolean
}

export interface SchemaReaderOptions {
  /** Returns the path of a key of this name in another block, for messages about unknown keys. */
  readonly findKey?: (name: string) => string | undefined
}

/** A compiled schema. */
interface Compiled {
  /** Is not called for absent and null values. */
  readonly read: ValueReader<unknown>
  /** What a value must be, as in "must be a string". */
  readonly demand: string
  /** Makes the value of an absent key; `undefined` if it stays absent. */
  readonly makeDefault: () => unknown
}

/**
 * Compiles a schema. The reader reports every mistake through the cursor, fills in defaults and leaves out keys
 * without a value. A list leaves out items with a mistake. The result is `undefined` if the value itself is unusable.
 *
 * @throws TypeError if the schema uses a word that this reader does not know.
 */
export function createSchemaReader(
  schema: Schema,
  options: SchemaReaderOptions = {},
): ValueReader<unknown> {
  const { read, makeDefault } = compile(schema, options, '')
  return cursor => (cursor.isNull ? makeDefault() : read(cursor))
}

/** The words of each kind of schema. Any other word throws, so that none is ignored silently. */
const wordsOfKind: Readonly<Record<string, readonly string[]>> = {
  unfollowed: ['isUnfollowed'],
  form: ['form', 'type', 'anyOf'],
  anyOf: ['anyOf'],
  enum: ['enum'],
  const: ['const'],
  anything: [],
  string: ['type'],
  boolean: ['type'],
  integer: ['type', 'minimum', 'maximum'],
  number: ['type', 'minimum', 'maximum'],
  array: ['type', 'items'],
  object: ['type', 'properties', 'required', 'additionalProperties'],
}

/** Returns the kind of a schema: its type, or the word that decides how it is read. */
function kindOf(schema: Schema, path: string): string {
  const types = [schema.type ?? []].flat().filter(type => type !== 'null')
  if (types.length > 1) throw unreadable(path, 'write several types as anyOf')
  const deciding = (['form', 'anyOf', 'enum', 'const'] as const).find(word => word in schema)
  const kind = schema.isUnfollowed ? 'unfollowed' : (deciding ?? types[0] ?? 'anything')
  const words = Object.hasOwn(wordsOfKind, kind) ? wordsOfKind[kind] : undefined
  if (!words) throw unreadable(path, `the type ${kind} is unknown`)
  const known = ['description', 'default', ...words]
  const unknown = Object.keys(schema).find(word => !known.includes(word))
  if (unknown !== undefined) throw unreadable(path, `the word ${unknown} is unknown`)
  return kind
}

function compile(schema: Schema, options: SchemaReaderOptions, path: string): Compiled {
  const makeDefault = () => structuredClone(schema.default)
  const plain = (demand: string, read: ValueReader<unknown>) => ({ demand, read, makeDefault })
  switch (kindOf(schema, path)) {
    case 'form':
      return plain(`be a ${schema.form}`, readerOfForm(schema.form!, path))
    case 'anyOf':
      return { ...compileUnion(schema.anyOf!, options, path), makeDefault }
    case 'enum':
      return plain('be one of a few values', readerOfChoices(schema.enum!))
    case 'const':
      return plain(`be ${schema.const}`, readerOfChoices([schema.const]))
    case 'string':
      return plain('be a string', readText)
    case 'boolean':
      return plain('be true or false', readBoolean)
    case 'integer':
      return plain('be a whole number', cursor => withinBounds(cursor, readInteger(cursor), schema))
    case 'number':
      return plain('be a number', cursor => withinBounds(cursor, readNumber(cursor), schema))
    case 'array':
      return plain('be a list', compileList(schema.items ?? {}, options, path))
    case 'object':
      return compileMap(schema, options, path)
    default:
      return plain('be anything', readAsWritten)
  }
}

function unreadable(path: string, why: string): TypeError {
  return new TypeError(`Cannot read the schema at ${path || 'the top level'}: ${why}`)
}

const readAsWritten: ValueReader<unknown> = cursor => cursor.value

function readerOfForm(form: string, path: string): ValueReader<unknown> {
  switch (form) {
    case 'duration':
      return readWrittenDuration
    case 'bytes':
      return readWrittenBytes
    case 'time':
      return readWrittenTime
    default:
      throw unreadable(path, `the form ${form} is unknown`)
  }
}

function readerOfChoices(choices: readonly unknown[]): ValueReader<unknown> {
  if (choices.every(choice => typeof choice === 'string')) return readOneOf(choices)
  return cursor => {
    const { value } = cursor
    if (choices.includes(value)) return value
    return cursor.failAtKey(
      `${cursor.name} must be one of ${choices.join(', ')}, found ${cursor.describe()}`,
    )
  }
}

/** Compiles a union. Its value is that of the first choice that accepts it. */
function compileUnion(
  schemas: readonly Schema[],
  options: SchemaReaderOptions,
  path: string,
): Pick<Compiled, 'read' | 'demand'> {
  // Null values never reach a reader.
  const choices = schemas
    .filter(({ type }) => type !== 'null')
    .map(schema => compile(schema, options, path))
  const [only] = choices
  if (only && choices.length === 1) return only
  const demand = `be ${choices.map(choice => choice.demand.replace(/^be /, '')).join(' or ')}`
  const read: ValueReader<unknown> = cursor => {
    for (const choice of choices) {
      const preview = cursor.unjudged
      const value = choice.read(preview)
      if (preview.problemCount === 0) return value
    }
    return cursor.failAtKey(`${cursor.name} must ${demand}, found ${cursor.describe()}`)
  }
  return { read, demand }
}

function compileList(
  items: Schema,
  options: SchemaReaderOptions,
  path: string,
): ValueReader<unknown[]> {
  const { read } = compile(items, options, `${path}[]`)
  return cursor => {
    if (!cursor.isList) {
      cursor.items()
      return undefined
    }
    const values: unknown[] = []
    for (const item of cursor.items()) {
      const problemsBefore = item.problemCount
      const value = item.isNull ? item.fail(`${item.name} is empty`) : read(item)
      if (item.problemCount === problemsBefore) values.push(value)
    }
    return values
  }
}

function compileMap(schema: Schema, options: SchemaReaderOptions, path: string): Compiled {
  const { properties = {}, required = [], additionalProperties: others } = schema
  if (others === true) throw unreadable(path, 'additionalProperties must be a schema or false')
  const keys = new Map(
    Object.entries(properties).map(([key, inner]) => [
      key,
      compile(inner, options, path === '' ? key : `${path}.${key}`),
    ]),
  )
  const further = others ? compile(others, options, `${path}.*`) : undefined
  const fillIn = (values: Record<string, unknown>) => {
    for (const [key, { makeDefault }] of keys) {
      const value = Object.hasOwn(values, key) ? undefined : makeDefault()
      if (value !== undefined) values[key] = value
    }
    return values
  }
  const read: ValueReader<unknown> = cursor => {
    const pairs = cursor.pairs()
    if (!cursor.isMap) return undefined
    const values: Record<string, unknown> = {}
    for (const { key, value } of pairs) {
      const inner = keys.get(key) ?? further
      if (!inner) reportUnknown(value, key, { schema, where: cursor.name, options })
      else {
        const found = value.isNull ? inner.makeDefault() : inner.read(value)
        if (found !== undefined) setOwn(values, key, found)
      }
    }
    const missing = required.filter(
      key => !cursor.has(key) && keys.get(key)?.makeDefault() === undefined,
    )
    for (const key of missing) cursor.failAtKey(`${cursor.name} needs the key ${key}`)
    return missing.length > 0 ? undefined : fillIn(values)
  }
  const hasDefault = schema.default !== undefined
  return {
    read,
    demand: 'be a map',
    makeDefault: () => (hasDefault ? fillIn({ ...(schema.default as object) }) : undefined),
  }
}

/** Sets a key of any name, even `__proto__`. */
function setOwn(values: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(values, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}

function reportUnknown(
  cursor: YamlCursor,
  key: string,
  {
    schema: { properties = {} },
    where,
    options,
  }: {
    readonly schema: Schema
    readonly where: string
    readonly options: SchemaReaderOptions
  },
): void {
  // Keys that are not followed are not suggested as known keys, but may be what the user meant.
  const names = (isUnfollowed: boolean) =>
    Object.keys(properties).filter(
      name => (properties[name]!.isUnfollowed ?? false) === isUnfollowed,
    )
  cursor.failAtKey(
    unknownKey(key, where, {
      known: names(false),
      near: names(true),
      elsewhere: options.findKey?.(key),
    }),
  )
}
