// JMESPath expressions of the json stage: compiled once, with a fast path for plain paths. Features that
// the library has and Promtail's JMESPath lacks (arithmetic, variables, slices of strings) are refused or
// removed, so that an unquoted `user-agent` is not a subtraction.

import {
  compile,
  isRegistered,
  registerFunction,
  TreeInterpreter,
  TYPE_ANY,
} from '@jmespath-community/jmespath'
import { parseFloatText } from '@skald/go-dialect/number/conversions'
import { goJsonValue } from './go-json.ts'

type Syntax = ReturnType<typeof compile>
type JsonValue = Parameters<typeof TreeInterpreter.search>[1]

/** Finds a value in a JSON object. Returns null if there is none, `undefined` if the search fails. */
export type JsonQuery = (object: Record<string, unknown>) => unknown

const plainPath = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/

// The library accepts unterminated strings.
const closedTexts = /"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|'(?:\\.|[^'\\])*'/gs

/**
 * Compiles an expression.
 *
 * @throws SyntaxError if it is invalid or calls an unknown function.
 */
export function compileJsonQuery(expression: string): JsonQuery {
  const syntax = adapt(parse(expression)) as Syntax
  if (plainPath.test(expression)) {
    const names = expression.split('.')
    return object => names.reduce<unknown>(property, object)
  }
  return object => {
    try {
      return TreeInterpreter.search(syntax, object as JsonValue) ?? null
    } catch {
      // The value has a type that the expression does not accept.
      return undefined
    }
  }
}

function parse(expression: string): Syntax {
  try {
    if (expression.replace(closedTexts, '').includes("'")) {
      throw new SyntaxError("the text that begins with ' does not end")
    }
    return compile(expression)
  } catch (cause) {
    throw new SyntaxError((cause as Error).message, { cause })
  }
}

function property(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : null
}

/** Node types that Promtail's JMESPath lacks, with the message for each. */
const foreignNodes: Readonly<Record<string, string>> = {
  Arithmetic: 'arithmetic, a name with other signs than letters, digits and _ needs quotes: "a-b"',
  Unary: 'arithmetic',
  Binding: '=, write == to compare',
  LetExpression: 'let',
  Variable: 'variables',
  Ternary: '? :',
  Root: '$',
}

// Functions that behave differently in Go's library. Expressions cannot call these names directly.
const ownFunctions = {
  to_number: (value: JsonValue) => {
    if (typeof value === 'number') return value
    if (typeof value !== 'string') return null
    try {
      return parseFloatText(value)
    } catch {
      // Not a number.
      return null
    }
  },
  to_string: (value: JsonValue) => (typeof value === 'string' ? value : goJsonValue(value)),
  'only a list': (value: JsonValue) => (Array.isArray(value) ? value : null),
}

function callOwn(name: keyof typeof ownFunctions, children: unknown[]): object {
  const ownName = `Promtail's ${name}`
  if (!isRegistered(ownName)) {
    const run = ownFunctions[name]
    registerFunction(ownName, ([value]) => run(value as JsonValue), [{ types: [TYPE_ANY] }])
  }
  return { type: 'Function', name: ownName, children }
}

/** Converts the library's syntax tree to what Promtail understands. */
function adapt(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(adapt)
  if (typeof node !== 'object' || node === null) return node
  const { type, name } = node as { type?: unknown; name?: unknown }
  if (type === 'Literal') return node
  if (typeof type === 'string' && foreignNodes[type]) {
    throw new SyntaxError(`there is no ${foreignNodes[type]}`)
  }
  const pairs = Object.entries(node).map(([key, child]) => [key, adapt(child)] as const)
  const adapted: Record<string, unknown> = Object.fromEntries(pairs)
  if (type === 'Function' && typeof name === 'string') {
    if (!isRegistered(name)) throw new SyntaxError(`there is no function ${name}`)
    const children = adapted.children as unknown[]
    if (name === 'to_number' || name === 'to_string') return callOwn(name, children)
  }
  const right = adapted.right as { type?: unknown } | undefined
  if (type === 'IndexExpression' && right?.type === 'Slice') {
    return { ...adapted, left: callOwn('only a list', [adapted.left]) }
  }
  return adapted
}
