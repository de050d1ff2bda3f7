// Passes constants and values as arguments to functions. Go never converts: an argument of the wrong type is
// an error.

import { formatNode, type NumberNode, type Operand } from './ast.ts'
import { paramTypeNames } from './function.ts'
import type { Run } from './run.ts'
import { GoList, GoMap, GoTime, kindOf, type ParamType, typeName, type Value } from './values.ts'

/** `final` is the value passed on by a pipeline, or `noFinal`. */
export type Eval = (run: Run, dot: Value, final: Value | typeof noFinal) => Value
/** Means that a pipeline passes no argument. */
export const noFinal = Symbol('no final argument')
/** An argument from a pipeline, or none. */
export type Final = Value | typeof noFinal
/** Calls a function, or a method of `receiver`. */
export type Call = (run: Run, dot: Value, final: Final, receiver?: Value) => Value

/** Fails if arguments are given to something that is not a function. */
export function needNoArgs(run: Run, args: readonly Operand[], final: Final): void {
  if (args.length <= 1 && final === noFinal) return
  run.fail(`can't give argument to non-function ${args[0] ? formatNode(args[0]) : ''}`)
}

/** Returns a constant where no type is required. */
export function constantOf(
  node: Operand & { readonly kind: 'bool' | 'string' | 'number' },
): (run: Run) => Value {
  if (node.kind === 'bool') return () => node.value
  if (node.kind === 'string') return () => node.text
  if (node.isFloat) return () => node.float
  return run => node.int ?? overflow(run, node)
}

function overflow(run: Run, node: NumberNode): never {
  run.node = node
  run.fail(`${node.text} overflows int`)
}

/** Returns a constant as an argument of a type. */
export function constantArg(
  node: Operand & { readonly kind: 'bool' | 'string' | 'number' },
  type: ParamType,
): Eval {
  const value = constantFor(node, type)
  if (value !== undefined) {
    return run => {
      run.node = node
      return value
    }
  }
  const constant = constantOf(node)
  return run => {
    run.node = node
    switch (type) {
      case 'any':
      case 'value':
        return constant(run)
      case 'string':
        return run.fail(`expected string; found ${formatNode(node)}`)
      case 'int':
        return run.fail(`expected integer; found ${formatNode(node)}`)
      case 'float64':
        return run.fail(`expected float; found ${formatNode(node)}`)
      case 'bool':
        return run.fail(`expected bool; found ${formatNode(node)}`)
      case 'time':
      case 'map':
      case 'samples':
        return run.fail(`can't handle ${formatNode(node)} for arg of type ${paramTypeNames[type]}`)
    }
  }
}

/** Returns the constant as an argument of the type, or `undefined` if it does not fit. */
function constantFor(
  node: Operand & { readonly kind: 'bool' | 'string' | 'number' },
  type: ParamType,
): Value {
  if (type === 'string') return node.kind === 'string' ? node.text : undefined
  if (type === 'bool') return node.kind === 'bool' ? node.value : undefined
  if (node.kind !== 'number') return undefined
  if (type === 'float64') return node.float
  // Functions get an int as a JavaScript number.
  return type === 'int' && node.int !== undefined ? Number(node.int) : undefined
}

/** Returns an operand as an argument of a type. */
export function checked(node: Operand, type: ParamType, evaluate: Eval): Eval {
  if (type === 'value') {
    return (run, dot) => {
      run.node = node
      return evaluate(run, dot, noFinal)
    }
  }
  return (run, dot) => {
    run.node = node
    return checkType(evaluate(run, dot, noFinal), type, run)
  }
}

/** Checks that a value fits a type, and returns it. Fails like Go; nothing is converted. */
export function checkType(value: Value, type: ParamType, run: Run): Value {
  switch (type) {
    case 'string':
      if (typeof value === 'string') return value
      break
    case 'any':
      return value ?? null
    case 'value':
      return value
    case 'int':
      if (typeof value === 'bigint') return Number(value)
      break
    case 'float64':
      if (typeof value === 'number') return value
      break
    case 'bool':
      if (typeof value === 'boolean') return value
      break
    case 'time':
      if (value instanceof GoTime) return value
      break
    case 'map':
      if (value instanceof GoMap && value.itemType === 'interface {}') return value
      if (value === undefined) return new GoMap(new Map())
      break
    case 'samples':
      if (value instanceof GoList && value.items.every(item => item instanceof GoMap)) return value
      break
  }
  const wanted = paramTypeNames[type]
  if (value === undefined) return run.fail(`invalid value; expected ${wanted}`)
  const found = kindOf(value) === 'interface' ? 'interface {}' : typeName(value)
  return run.fail(`wrong type for value; expected ${wanted}; got ${found}`)
}
