// The regex stage: takes the named groups of an expression out of the line or of an extracted value.

import { type CompiledRegex, compileRegex } from '@skald/query/regex'
import { readStrictText } from '../../config/readers.ts'
import type { ValueReader } from '../../config/yaml-cursor.ts'
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

/** An expression with the names of its groups; Go lets a name stand for several groups. */
interface NamedExpression {
  readonly regex: CompiledRegex
  readonly names: readonly (string | undefined)[]
}

const readNamedExpression: ValueReader<NamedExpression> = cursor => {
  const text = readStrictText(cursor)
  if (text === undefined) return undefined
  // Each name gets a number while compiling, so that it is unique.
  const given: string[] = []
  const unique = text.replace(
    /(\\[\s\S])|\(\?P?<([A-Za-z_]\w*)>/g,
    (all, escaped: string | undefined, name: string | undefined) =>
      escaped !== undefined || name === undefined ? all : `(?P<g${given.push(name) - 1}>`,
  )
  try {
    // As it was written first, so that errors show that; only the check for unique names is ours.
    if (new Set(given).size === given.length) compileRegex(text)
    const regex = compileRegex(unique)
    const names = regex.groupNames.map(name =>
      name === undefined || name === '' ? undefined : given[Number(name.slice(1))],
    )
    return { regex, names }
  } catch (error) {
    return cursor.failAtKey(
      `${cursor.name} ${text} does not compile as a regex: ${(error as Error).message}`,
    )
  }
}

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
