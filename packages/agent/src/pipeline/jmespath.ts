// JMESPath expressions of the json stage: compiled once, with a short way for plain paths.

import { compile, isRegistered, TreeInterpreter } from '@jmespath-community/jmespath'

type Syntax = ReturnType<typeof compile>
type JsonValue = Parameters<typeof TreeInterpreter.search>[1]

/** Finds a value in a JSON object; `undefined` or null where there is none. */
export type JsonQuery = (object: Record<string, unknown>) => unknown

const plainPath = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/

/**
 * Compiles an expression.
 *
 * @throws SyntaxError when it is none, or calls a function that does not exist.
 */
export function compileJsonQuery(expression: string): JsonQuery {
  const syntax = parse(expression)
  const unknown = findUnknownFunction(syntax)
  if (unknown !== undefined) throw new SyntaxError(`there is no function ${unknown}`)
  if (plainPath.test(expression)) {
    const names = expression.split('.')
    return object => names.reduce<unknown>(property, object)
  }
  return object => {
    try {
      return TreeInterpreter.search(syntax, object as JsonValue)
    } catch {
      // A value of a type that the expression cannot take: as if there were none.
      return null
    }
  }
}

function parse(expression: string): Syntax {
  try {
    return compile(expression)
  } catch (cause) {
    throw new SyntaxError((cause as Error).message, { cause })
  }
}

function property(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : null
}

function findUnknownFunction(node: unknown): string | undefined {
  if (Array.isArray(node)) {
    for (const child of node) {
      const name = findUnknownFunction(child)
      if (name !== undefined) return name
    }
    return undefined
  }
  if (typeof node !== 'object' || node === null) return undefined
  const { type, name } = node as { type?: unknown; name?: unknown }
  if (type === 'Function' && typeof name === 'string' && !isRegistered(name)) return name
  return findUnknownFunction(Object.values(node))
}
