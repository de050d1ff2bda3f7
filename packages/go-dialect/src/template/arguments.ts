// Arguments of functions: constants and values as parameters of a type take them. Go converts nothing
// here; what does not fit is an error.

import { formatNode, type NumberNode, type Operand } from './ast.ts'
import { type ParamType, paramTypeNames } from './function.ts'
import type { Run } from './run.ts'
import { GoMap, GoTime, kindOf, typeName, type Value } from './values.ts'

/** `final` is the value that a pipeline hands on, `noFinal` where there is none. */
export type Eval = (run: Run, dot: Value, final: Value | typeof noFinal) => Value
/** Stands for no argument from a pipeline. */
export const noFinal = Symbol('no final argument')
/** An argument from a pipeline or none. */
export type Final = Value | typeof noFinal
/** Calls a function, or a method of `receiver`. */
export type Call = (run: Run, dot: Value, final: Final, receiver?: Value) => Value

/** Fails where something that is no function is given arguments. */
export function needNoArgs(run: Run, args: readonly Operand[], final: Final): void {
  if (args.length <= 1 && final === noFinal) return
  run.fail(`can't give argument to non-function ${args[0] ? formatNode(args[0]) : ''}`)
}

/** A constant where nothing asks for a type. */
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

/** A constant as an argument of a type. */
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
        return run.fail(`can't handle ${formatNode(node)} for arg of type ${paramTypeNames[type]}`)
    }
  }
}

/** The constant as an argument of the type, `undefined` where it is none. */
function constantFor(
  node: Operand & { readonly kind: 'bool' | 'string' | 'number' },
  type: ParamType,
): Value {
  if (type === 'string') return node.kind === 'string' ? node.text : undefined
  if (type === 'bool') return node.kind === 'bool' ? node.value : undefined
  if (node.kind !== 'number') return undefined
  if (type === 'float64') return node.float
  // The code of a function gets an int as a JavaScript number.
  return type === 'int' && node.int !== undefined ? Number(node.int) : undefined
}

/** An operand as an argument of a type. */
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

/** Gives a value as an argument of a type, or fails as Go does: nothing is converted. */
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
  }
  const wanted = paramTypeNames[type]
  if (value === undefined) return run.fail(`invalid value; expected ${wanted}`)
  const found = kindOf(value) === 'interface' ? 'interface {}' : typeName(value)
  return run.fail(`wrong type for value; expected ${wanted}; got ${found}`)
}
