// Defines a template function: its parameter types and its code. The types decide which constants and values
// Go accepts as arguments, and the error for others. They are in values.ts, because a value can have methods.

import type { CallContext, ParamType, ParamValues, TemplateFunction, Value } from './values.ts'

/** Go's names of the types, for error texts. */
export const paramTypeNames: Readonly<Record<ParamType, string>> = {
  string: 'string',
  int: 'int',
  float64: 'float64',
  bool: 'bool',
  any: 'interface {}',
  time: 'time.Time',
  map: 'map[string]interface {}',
  samples: 'template.queryResult',
  value: 'reflect.Value',
}

/** Functions by name. */
export type FunctionTable = Readonly<Record<string, TemplateFunction>>

type ArgsOf<P extends readonly ParamType[]> = { [K in keyof P]: ParamValues[P[K] & ParamType] }

/**
 * Defines a function with a fixed number of parameters. FunctionError, SyntaxError and RangeError thrown by
 * the code become errors of the template.
 */
export function fn<const P extends readonly ParamType[]>(
  params: P,
  call: (...args: [...ArgsOf<P>, CallContext]) => Value,
): TemplateFunction {
  const code = call as (...args: unknown[]) => Value
  return { params, rest: undefined, call: (args, context) => code(...args, context) }
}

/** Defines a function with any number of arguments after the fixed ones, passed as one array. */
export function variadic<const P extends readonly ParamType[], R extends ParamType>(
  params: P,
  rest: R,
  call: (...args: [...ArgsOf<P>, ParamValues[R][], CallContext]) => Value,
): TemplateFunction {
  const code = call as (...args: unknown[]) => Value
  const count = params.length
  return {
    params,
    rest,
    call: (args, context) => code(...args.slice(0, count), args.slice(count), context),
  }
}
