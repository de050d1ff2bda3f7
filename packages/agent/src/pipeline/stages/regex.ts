// The regex stage: extracts the named groups of an expression from the line or an extracted value.

import { readStrictText, readWeakText, type ValueReader } from '@skald/config-reading'
import { type CompiledRegex, compileRegex } from '@skald/go-dialect/regex/regex'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'

/** Reads the name of an extracted value, which must not be empty. */
export const readSource: ValueReader<string> = cursor => {
  const source = readStrictText(cursor)
  if (source !== '') return source
  return cursor.failAtKey(`${cursor.name} is empty: name an extracted value, or leave source out`)
}

/** An expression with the names of its groups. In Go, several groups may share a name. */
export interface NamedExpression {
  readonly regex: CompiledRegex
  readonly names: readonly (string | undefined)[]
}

function expressionReader(readWritten: ValueReader<string>): ValueReader<NamedExpression> {
  return cursor => {
    const text = readWritten(cursor)
    if (text === undefined) return undefined
    try {
      const regex = compileRegex(text)
      return { regex, names: regex.groupNames }
    } catch (error) {
      return cursor.failAtKey(
        `${cursor.name} ${text} does not compile as a regex: ${(error as Error).message}`,
      )
    }
  }
}

/** Reads an RE2 regular expression with its groups. */
export const readNamedExpression = expressionReader(readStrictText)

/** Reads a regular expression that is only tested, in stages whose decoder accepts numbers as strings. */
export const readExpression: ValueReader<CompiledRegex> = cursor =>
  expressionReader(readWeakText)(cursor)?.regex

export const regexStage: StageDefinition = {
  read(body) {
    const raw = body.record({ expression: readNamedExpression, source: readSource })
    const { expression, source } = raw
    if (!expression) {
      return body.has('expression')
        ? undefined
        : body.failAtKey('The regex stage needs an expression')
    }
    if (!expression.names.some(name => name !== undefined)) {
      return body.failContained(
        'The regex stage needs a named group, (?P<name>...), or nothing is extracted',
      )
    }
    return () => ({
      run(entry, next) {
        const text = source === undefined ? entry.line : valueText(entry.extracted.get(source))
        const match = text === undefined ? undefined : expression.regex.exec(text)
        if (match) {
          const { extracted } = entry
          for (const [i, name] of expression.names.entries()) {
            if (name) extracted.set(name, match.groups[i] ?? '')
          }
        }
        next(entry)
      },
    })
  },
}
