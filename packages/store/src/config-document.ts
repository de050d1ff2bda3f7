// YAML files that a schema describes: every mistake in one is told at once, with its line.

import { Ajv, type ErrorObject } from 'ajv'
import { isMap, LineCounter, parseDocument } from 'yaml'
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
  const document = parseDocument(text, { lineCounter, prettyErrors: false, version: '1.1' })
  const problemAtOffset = (offset: number, message: string): ConfigProblem => {
    const { line, col } = lineCounter.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1), message }
  }
  if (document.errors.length > 0) {
    throw new ConfigError(
      path,
      document.errors.map(error => problemAtOffset(error.pos[0], error.message)),
    )
  }
  /** Offset of the key (or value) at a path of keys. */
  const offsetOf = (keys: readonly string[]): number => {
    const parent: unknown = document.getIn(keys.slice(0, -1), true) ?? document.contents
    const pair = isMap(parent)
      ? parent.items.find(item => String(item.key) === keys.at(-1))
      : undefined
    const key = pair?.key as { range?: [number, number, number] } | undefined
    return key?.range?.[0] ?? 0
  }
  const problemAt = (keys: readonly string[], message: string) =>
    problemAtOffset(offsetOf(keys), message)
  const check = (value: unknown, schema: object) => {
    const validate = new Ajv({ useDefaults: true, allErrors: true, strict: false }).compile(schema)
    if ((validate as (data: unknown) => boolean)(value)) return
    throw new ConfigError(path, describeErrors(validate.errors ?? [], problemAt))
  }
  return { value: document.toJS({ reviver: textOfTime }), check, problemAt }
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
    if (
      error.keyword === 'const' ||
      problems.some(({ message }) => message.startsWith(`${where}: `))
    ) {
      continue
    }
    problems.push(problemAt(keys, `${where || 'the file'}: ${error.message}`))
  }
  return problems
}
