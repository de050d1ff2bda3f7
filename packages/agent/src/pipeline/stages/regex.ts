// The regex stage: takes the named groups of an expression out of the line or of an extracted value.

import { type CompiledRegex, compileRegex } from '@skald/query'
import { readStrictText } from '../../config/readers.ts'
import type { ValueReader, YamlCursor } from '../../config/yaml-cursor.ts'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'

/** Reads a regular expression of RE2's dialect. */
export const readExpression: ValueReader<CompiledRegex> = cursor => {
  const text = readStrictText(cursor)
  if (text === undefined) return undefined
  try {
    return compileRegex(text)
  } catch (error) {
    return cursor.failAtKey(
      `${cursor.name} ${text} does not compile as a regex: ${(error as Error).message}`,
    )
  }
}

/** Reads the name of an extracted value; an empty one is a mistake. */
export const readSource: ValueReader<string> = cursor => {
  const source = readStrictText(cursor)
  if (source !== '') return source
  return cursor.failAtKey('source is empty: name an extracted value, or leave source out')
}

/** Tells whether a key is written at all, be it wrongly. */
export function isGiven(body: YamlCursor, key: string): boolean {
  return body.get(key)?.isNull === false
}

export const regexStage: StageDefinition = {
  name: 'regex',
  read(body) {
    const { expression, source } = body.record({ expression: readExpression, source: readSource })
    if (!expression) {
      return isGiven(body, 'expression')
        ? undefined
        : body.failAtKey('The regex stage needs an expression')
    }
    if (!expression.groupNames.some(name => name !== undefined && name !== '')) {
      return body.failAtKey(
        'The regex stage needs a named group, (?P<name>...), or nothing is extracted',
      )
    }
    return () => ({
      run(entry, next) {
        const text = source === undefined ? entry.line : valueText(entry.extracted.get(source))
        const match = text === undefined ? undefined : expression.exec(text)
        if (match) {
          const { extracted } = entry
          for (const [i, name] of expression.groupNames.entries()) {
            if (name) extracted.set(name, match.groups[i] ?? '')
          }
        }
        next(entry)
      },
    })
  },
}
