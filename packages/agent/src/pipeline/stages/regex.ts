// The regex stage: takes the named groups of an expression out of the line or of an extracted value.

import { type CompiledRegex, compileRegex } from '@skald/go-dialect/regex/regex'
import { readStrictText, readWeakText } from '../../config-reading/readers.ts'
import type { ValueReader } from '../../config-reading/yaml-cursor.ts'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'

/** Reads the name of an extracted value; an empty one is a mistake. */
export const readSource: ValueReader<string> = cursor => {
  const source = readStrictText(cursor)
  if (source !== '') return source
  return cursor.failAtKey('source is empty: name an extracted value, or leave source out')
}

/** An expression with the names of its groups; Go lets a name stand for several groups. */
export interface NamedExpression {
  readonly regex: CompiledRegex
  readonly names: readonly (string | undefined)[]
}

/** Compiles an expression of RE2's dialect whose groups may share names. */
function compileNamed(text: string): NamedExpression {
  // Each name gets a number while compiling, so that it is unique.
  const given: string[] = []
  const unique = text.replace(
    /(\\[\s\S])|\(\?P?<([A-Za-z_]\w*)>/g,
    (all, escaped: string | undefined, name: string | undefined) =>
      escaped !== undefined || name === undefined ? all : `(?P<g${given.push(name) - 1}>`,
  )
  // As it was written where that can be, so that errors show it.
  if (new Set(given).size === given.length) {
    const regex = compileRegex(text)
    return { regex, names: regex.groupNames }
  }
  const regex = compileRegex(unique)
  const names = regex.groupNames.map(name =>
    name === undefined || name === '' ? undefined : given[Number(name.slice(1))],
  )
  return { regex, names }
}

function expressionReader(readWritten: ValueReader<string>): ValueReader<NamedExpression> {
  return cursor => {
    const text = readWritten(cursor)
    if (text === undefined) return undefined
    try {
      return compileNamed(text)
    } catch (error) {
      return cursor.failAtKey(
        `${cursor.name} ${text} does not compile as a regex: ${(error as Error).message}`,
      )
    }
  }
}

/** Reads a regular expression of RE2's dialect, with its groups. */
export const readNamedExpression = expressionReader(readStrictText)

/** Reads a regular expression that only tests, in stages whose decoder takes numbers for texts. */
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
