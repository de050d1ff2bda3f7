// The json stage: takes values out of a JSON object by JMESPath.

import { readBoolean, readStrictText } from '../../config/readers.ts'
import type { ValueReader } from '../../config/yaml-cursor.ts'
import { compileJsonQuery, type JsonQuery } from '../jmespath.ts'
import type { StageDefinition } from '../stage.ts'
import { parseJsonObject, valueText } from '../values.ts'
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
        const object = parseJsonObject(text.toWellFormed())
        if (!object) {
          if (dropsMalformed) context.countDropped('malformed_json')
          else next(entry)
          return
        }
        const { extracted } = entry
        for (const [name, query] of expressions) extracted.set(name, toExtracted(query(object)))
        next(entry)
      },
    })
  },
}

/** Single values stay, lists and objects become their JSON text with sorted keys, nothing is null. */
function toExtracted(value: unknown): unknown {
  if (value === undefined || value === null) return null
  return typeof value === 'object' ? JSON.stringify(sortKeys(value)) : value
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]) => [key, sortKeys(item)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}
