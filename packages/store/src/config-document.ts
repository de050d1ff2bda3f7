// YAML files that a schema describes: every mistake in one is told at once, with its line.

import { Ajv, type ErrorObject } from 'ajv'
import {
  type Document,
  isAlias,
  isMap,
  LineCounter,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml'
import { ConfigError, type ConfigProblem } from './errors.ts'

/** A file that was read. */
export interface ConfigDocument {
  /** What the file says; null for an empty one. */
  readonly value: unknown
  /**
   * Checks a value of the file against a schema, whose defaults it fills in.
   *
   * @throws ConfigError with every mistake and its line.
   */
  check(value: unknown, schema: object): void
  /** Names what is wrong at a path of keys. */
  problemAt(keys: readonly string[], message: string): ConfigProblem
}

/**
 * Reads YAML.
 *
 * @throws ConfigError where it is none.
 */
export function readYaml(text: string, path: string): ConfigDocument {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, {
    ...{ lineCounter, prettyErrors: false, version: '1.1' },
    // Looked at below, since the library compares each key with each.
    uniqueKeys: false,
  })
  const problemAtOffset = (offset: number, message: string): ConfigProblem => {
    const { line, col } = lineCounter.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1), message }
  }
  const mistakes = [
    ...document.errors.map(error => problemAtOffset(error.pos[0], error.message)),
    ...structureMistakes(document).map(({ offset, message }) => problemAtOffset(offset, message)),
  ]
  if (mistakes.length > 0) throw new ConfigError(path, mistakes)
  const keysOf = new Map<YAMLMap, Map<string, unknown>>()
  /** Offset of the key (or value) at a path of keys. */
  const offsetOf = (keys: readonly string[]): number => {
    const parent: unknown = document.getIn(keys.slice(0, -1), true) ?? document.contents
    if (!isMap(parent)) return 0
    let known = keysOf.get(parent)
    if (!known) {
      known = new Map(parent.items.map(({ key }) => [String(key), key]))
      keysOf.set(parent, known)
    }
    const key = known.get(keys.at(-1) ?? '') as { range?: [number, number, number] } | undefined
    return key?.range?.[0] ?? 0
  }
  const problemAt = (keys: readonly string[], message: string) =>
    problemAtOffset(offsetOf(keys), message)
  const check = (value: unknown, schema: object) => {
    const validate = new Ajv({ useDefaults: true, allErrors: true, strict: false }).compile(schema)
    if ((validate as (data: unknown) => boolean)(value)) return
    throw new ConfigError(path, describeErrors(validate.errors ?? [], problemAt))
  }
  const value = plainValue(document)
  if (value instanceof ReferenceError)
    throw new ConfigError(path, [problemAtOffset(0, value.message)])
  return { value, check, problemAt }
}

/** What a document says; a ReferenceError where aliases of aliases become more than anybody means to write. */
function plainValue(document: Document): unknown {
  try {
    return document.toJS({ reviver: textOfTime })
  } catch (error) {
    if (error instanceof ReferenceError) return error
    throw error
  }
}

/** Finds keys that stand twice, and aliases inside of what they name, which would be read without end. */
function structureMistakes(document: Document): { offset: number; message: string }[] {
  const anchors = new Map<string, unknown>()
  const mistakes: { offset: number; message: string }[] = []
  const seen = new Map<unknown, Set<string>>()
  visit(document, {
    Pair(_key, { key }, around) {
      const map = around.at(-1)
      const names = seen.get(map) ?? new Set()
      seen.set(map, names)
      const name = String(key)
      if (names.has(name)) {
        const { range } = key as { range?: [number, number, number] }
        mistakes.push({ offset: range?.[0] ?? 0, message: 'Map keys must be unique' })
      }
      names.add(name)
    },
    Node(_key, node, around) {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchors.set(node.anchor, node)
        return
      }
      if (!(around as readonly unknown[]).includes(anchors.get(node.source))) return
      const message = `*${node.source} stands inside of what &${node.source} names`
      mistakes.push({ offset: node.range?.[0] ?? 0, message })
    },
  })
  return mistakes
}

/** YAML 1.1 makes objects of texts that are times. */
function textOfTime(_key: unknown, value: unknown): unknown {
  return value instanceof Date ? value.toISOString() : value
}

/** Takes the known keys without a value out of a block: they are the default, as with Loki. */
export function dropEmptyKeys(block: unknown, schema: { readonly properties?: object }): void {
  if (typeof block !== 'object' || block === null) return
  for (const [key, value] of Object.entries(block)) {
    if (value === null && Object.hasOwn(schema.properties ?? {}, key)) {
      Reflect.deleteProperty(block, key)
    }
  }
}

function describeErrors(
  errors: readonly ErrorObject[],
  problemAt: (keys: readonly string[], message: string) => ConfigProblem,
): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const told = new Set<string>()
  for (const error of errors) {
    const keys = error.instancePath.split('/').slice(1)
    const where = keys.join('.')
    if (error.keyword === 'additionalProperties') {
      const key = String(error.params.additionalProperty)
      const full = [...keys, key]
      problems.push(
        problemAt(full, `unknown key ${full.join('.')}: remove it or check its spelling`),
      )
      continue
    }
    // The alternatives of a union are reported with the union itself.
    if (error.keyword === 'const' || told.has(where)) continue
    told.add(where)
    problems.push(problemAt(keys, `${where || 'the file'}: ${error.message}`))
  }
  return problems
}
