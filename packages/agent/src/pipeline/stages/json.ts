// The json stage: extracts values from a JSON object with JMESPath.

import { readBoolean, readStrictText, type ValueReader } from '@skald/config-reading'
import { goJsonValue } from '../go-json.ts'
import { compileJsonQuery, type JsonQuery } from '../jmespath.ts'
import { parseJsonObject } from '../json-object.ts'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'
import { readSource } from './regex.ts'

const readExpressions: ValueReader<Map<string, JsonQuery>> = cursor => {
  const queries = new Map<string, JsonQuery>()
  for (const { key, value } of cursor.pairs()) {
    const text = value.isNull ? '' : readStrictText(value)
    if (text === undefined) continue
    const expression = text === '' ? key : text
    try {
      queries.set(key, compileJsonQuery(expression))
    } catch (error) {
      value.failAtKey(
        `${key}: ${expression} does not compile as a JMESPath (JMES) expression: ${(error as Error).message}`,
      )
    }
  }
  return queries
}

export const jsonStage: StageDefinition = {
  read(body) {
    const raw = body.record({
      expressions: readExpressions,
      source: readSource,
      drop_malformed: readBoolean,
    })
    const { expressions, source, drop_malformed: dropsMalformed = false } = raw
    if (!body.has('expressions') || expressions?.size === 0) {
      const isWrong = body.has('expressions') && !body.get('expressions')?.isMap
      return isWrong
        ? undefined
        : body.failAtKey('The json stage needs expressions: a map of names to JMESPath expressions')
    }
    if (!expressions) return undefined
    return context => ({
      run(entry, next) {
        const text = source === undefined ? entry.line : valueText(entry.extracted.get(source))
        if (text === undefined) {
          next(entry)
          return
        }
        const object = parseJsonObject(text)
        if (!object) {
          if (dropsMalformed) context.countDropped('malformed_json')
          else next(entry)
          return
        }
        const { extracted } = entry
        for (const [name, query] of expressions) {
          const value = extractedOf(query, object)
          // An expression that fails on this line keeps the old value.
          if (value !== undefined) extracted.set(name, value)
        }
        next(entry)
      },
    })
  },
}

/**
 * Returns scalars unchanged, and lists and objects as JSON text. Returns `undefined` if the search fails.
 */
function extractedOf(query: JsonQuery, object: Record<string, unknown>): unknown {
  try {
    const value = query(object)
    return typeof value === 'object' && value !== null ? goJsonValue(value) : value
  } catch (error) {
    // Nested too deeply for the stack.
    if (error instanceof RangeError) return undefined
    throw error
  }
}
